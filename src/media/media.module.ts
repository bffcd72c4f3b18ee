import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Media } from './media.entity.js';

/** Files: what customers sent, and the library. */
@Module({ imports: [TypeOrmModule.forFeature([Media])] })
export class MediaModule {}
