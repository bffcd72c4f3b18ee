import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Config } from '../config/config.js';
import { MediaController } from './media.controller.js';
import { MediaDownloader } from './media-downloader.js';
import { Media } from './media.entity.js';
import { MediaFetcher } from './media-fetcher.js';
import { MediaFetchesRepository } from './media-fetches.repository.js';
import { MediaGauge } from './media-gauge.js';
import { MediaLibrary } from './media-library.js';
import { MediaRemover } from './media-remover.js';
import { MediaRepository } from './media.repository.js';
import { MediaService } from './media.service.js';
import { MediaUploads } from './media-uploads.js';
import { SettledFiles } from './settled-files.js';
import { DirectoryStorage } from './storage/directory-storage.js';
import { MediaStorage } from './storage/media-storage.js';
import { S3Storage } from './storage/s3-storage.js';

/** Files: what customers sent, what goes with sends, and the library. */
@Module({
  imports: [TypeOrmModule.forFeature([Media])],
  controllers: [MediaController],
  providers: [
    MediaDownloader,
    MediaFetcher,
    MediaFetchesRepository,
    MediaGauge,
    MediaLibrary,
    MediaRemover,
    MediaRepository,
    MediaService,
    MediaUploads,
    SettledFiles,
    {
      provide: MediaStorage,
      inject: [Config],
      useFactory: ({ media }: Config): MediaStorage =>
        media.s3 ? new S3Storage(media.s3) : new DirectoryStorage(media.dir),
    },
  ],
  exports: [MediaFetcher, MediaRemover, MediaService],
})
export class MediaModule {}
