import { Controller, Get, Param, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../../http/common.dto.js';
import { Operation } from '../../http/operation.js';
import { FlowEncryptionDto, FlowForwardSecretDto, toFlowEncryptionDto } from './flow-encryption.dto.js';
import { FlowForwards } from './flow-forwards.service.js';
import { FlowKeys } from './flow-keys.service.js';

const TAG = 'Flows';

/** The keys of the data exchange. */
@Controller('flows')
export class FlowEncryptionController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly keys: FlowKeys,
    private readonly forwards: FlowForwards,
  ) {}

  @Get('encryption')
  @Operation({
    id: 'getFlowEncryption',
    summary: 'Get the key of the data exchange, compared with Meta’s',
    tag: TAG,
    scope: 'flows:read',
    answers: FlowEncryptionDto,
    errors: ['graph_error'],
  })
  async get(@Query() _query: AccountScopedDto): Promise<FlowEncryptionDto> {
    return toFlowEncryptionDto(await this.keys.inspect(await this.accounts.current()));
  }

  @Post('encryption')
  @Operation({
    id: 'rotateFlowEncryption',
    summary: 'Make a new key pair for the data exchange and give the public key to Meta',
    description: 'The old key goes on decrypting until Meta has the new one, and 24 hours longer.',
    tag: TAG,
    scope: 'flows:write',
    status: 201,
    answers: FlowEncryptionDto,
    errors: ['graph_error', 'graph_outcome_unknown'],
  })
  async rotate(@Query() _query: AccountScopedDto): Promise<FlowEncryptionDto> {
    return toFlowEncryptionDto(await this.keys.rotate(await this.accounts.current()));
  }

  @Post(':id/rotate-forward-secret')
  @Operation({
    id: 'rotateFlowForwardSecret',
    summary: 'Give the forward_url of a flow a new secret',
    description: 'The old one ends at once: questions from now on are signed with the new one.',
    tag: TAG,
    scope: 'flows:write',
    answers: FlowForwardSecretDto,
    errors: ['flow_not_found', 'conflict'],
  })
  async rotateForwardSecret(
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
  ): Promise<FlowForwardSecretDto> {
    const account = await this.accounts.current();
    return { forward_secret: (await this.forwards.rotateSecret(account, id)).reveal() };
  }
}
