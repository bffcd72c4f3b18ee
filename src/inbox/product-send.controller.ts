import { Body, Controller, Headers, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Account } from '../accounts/account.js';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { addressOf } from './address.js';
import { SendQuery, SendResultDto } from './send.dto.js';
import { answerSend, FREE_FORM_ERRORS, SendOperation } from './send.operation.js';
import { SendService } from './send.service.js';
import {
  catalogLinkMessage,
  catalogMessage,
  productCarouselMessage,
  productListMessage,
  productMessage,
} from './sending/product-message.js';
import { ProductCatalog } from './sending/product-catalog.service.js';
import {
  SendCatalogDto,
  SendCatalogLinkDto,
  SendProductCarouselDto,
  SendProductDto,
  SendProductListDto,
} from './sending/product.dto.js';
import type { SendCommand } from './sending/send-command.js';

/** Messages that show products of a catalog: flat bodies with the seeds' names, Meta's answer and the stored message back. */
@Controller()
export class ProductSendController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly sender: SendService,
    private readonly catalog: ProductCatalog,
    private readonly config: Config,
  ) {}

  @Post('send-product')
  @SendOperation({
    id: 'sendProduct',
    example: {
      phone: '+919876500001',
      catalog_id: '500000000000001',
      retailer_id: 'SHIRT-M',
      body: 'The one you asked for.',
    },
    summary: 'Send one product of a catalog',
    description: 'A product is named by the retailer’s own id; Meta shows its picture, name and price.',
    errors: FREE_FORM_ERRORS,
  })
  async sendProduct(
    @Body() body: SendProductDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const command = productMessage(this.addressOf(body), body, await this.catalog.idFor(account, body.catalog_id));
    return this.send(account, { ...command, force: query.force, idempotencyKey }, reply);
  }

  @Post('send-product-list')
  @SendOperation({
    id: 'sendProductList',
    example: {
      phone: '+919876500001',
      catalog_id: '500000000000001',
      header: 'Shirts',
      body: 'What we have in your size.',
      sections: [{ title: 'Linen', product_items: [{ product_retailer_id: 'SHIRT-M' }] }],
    },
    summary: 'Send a list of products, in sections',
    description:
      'Up to 30 products in up to 10 sections. Meta leaves out what its catalog does not have, and refuses the message when ' +
      'nothing of it is there.',
    errors: FREE_FORM_ERRORS,
  })
  async sendProductList(
    @Body() body: SendProductListDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const command = productListMessage(this.addressOf(body), body, await this.catalog.idFor(account, body.catalog_id));
    return this.send(account, { ...command, force: query.force, idempotencyKey }, reply);
  }

  @Post('send-catalog')
  @SendOperation({
    id: 'sendCatalog',
    example: { phone: '+919876500001', body: 'All that we have.' },
    summary: 'Send the whole catalog',
    description: 'The catalog that is connected to the number at Meta, with one product as its picture.',
    errors: FREE_FORM_ERRORS,
  })
  async sendCatalog(
    @Body() body: SendCatalogDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const command = catalogMessage(this.addressOf(body), body);
    return this.send(account, { ...command, force: query.force, idempotencyKey }, reply);
  }

  @Post('send-product-carousel')
  @SendOperation({
    id: 'sendProductCarousel',
    example: {
      phone: '+919876500001',
      catalog_id: '500000000000001',
      retailer_ids: ['SHIRT-M', 'SHIRT-L'],
      body: 'Two that may fit.',
    },
    summary: 'Send 2 to 10 products side by side',
    description: 'One card for each product, all of one catalog.',
    errors: FREE_FORM_ERRORS,
  })
  async sendProductCarousel(
    @Body() body: SendProductCarouselDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const catalogId = await this.catalog.idFor(account, body.catalog_id);
    const command = productCarouselMessage(this.addressOf(body), body, catalogId);
    return this.send(account, { ...command, force: query.force, idempotencyKey }, reply);
  }

  @Post('send-catalog-link')
  @SendOperation({
    id: 'sendCatalogLink',
    example: { phone: '+919876500001', message: 'All that we have:' },
    summary: 'Send a text with the link to a catalog',
    description: '`https://wa.me/c/<number>` opens the catalog of that number in WhatsApp.',
    errors: FREE_FORM_ERRORS,
  })
  async sendCatalogLink(
    @Body() body: SendCatalogLinkDto,
    @Query() query: SendQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<SendResultDto> {
    const account = await this.accounts.current();
    const { displayPhoneNumber } = account;
    const command = catalogLinkMessage(this.addressOf(body), body, displayPhoneNumber, this.config.defaultCountry);
    return this.send(account, { ...command, force: query.force, idempotencyKey }, reply);
  }

  private addressOf(body: { phone?: string; user_id?: string }): SendCommand['to'] {
    return addressOf(body, this.config.defaultCountry);
  }

  private async send(account: Account, command: SendCommand, reply: FastifyReply): Promise<SendResultDto> {
    return answerSend(await this.sender.send(account, command), reply);
  }
}
