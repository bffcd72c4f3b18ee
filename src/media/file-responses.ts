import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiResponse } from '@nestjs/swagger';

const FILE = { '*/*': { schema: { type: 'string', format: 'binary' } } } as const;

/** Documents the answers of a route that returns `sendMedia(…)`. Stands above `@Operation`. */
export function ApiFileResponses(): MethodDecorator {
  return applyDecorators(
    ApiResponse({ status: 200, description: 'The file.', content: FILE }),
    ApiResponse({ status: 206, description: 'The part that Range asks for.', content: FILE }),
    ApiResponse({ status: 304, description: 'The file is the one that If-None-Match names.' }),
    ApiHeader({
      name: 'Range',
      required: false,
      description: 'One part, such as bytes=0-1023.',
      schema: { type: 'string', examples: ['bytes=0-1023'] },
    }),
    ApiHeader({
      name: 'If-None-Match',
      required: false,
      description: 'ETag of the file that the client has.',
      schema: { type: 'string', examples: ['"3f786850e387550fdab836ed7e6dc881"'] },
    }),
  );
}
