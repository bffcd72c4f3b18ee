import { Controller, Get, Put, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiExtraModels, getSchemaPath } from '@nestjs/swagger';
import { invalidField } from '../../common/app-error.js';
import { isForm, withForm } from '../../http/form.js';
import { Operation } from '../../http/operation.js';
import type { ParleyRequest } from '../../http/principal.js';
import { readInto } from '../../http/validation.js';
import { readRateCard } from './rate-card-csv.js';
import { readRates } from './rate-input.js';
import { PutRateTableDto, RateCardFormDto, RateTableDto, toRateTableDto } from './rate-table.dto.js';
import { RatesService } from './rates.service.js';

const TAG = 'Campaigns';

/** Prices are Meta's and the same for every account: there is one table for the installation. */
@Controller('rate-table')
export class RateTableController {
  constructor(private readonly rates: RatesService) {}

  @Get()
  @Operation({
    id: 'getRateTable',
    summary: 'Get the prices that costs are worked out by',
    tag: TAG,
    scope: 'campaigns:read',
    answers: RateTableDto,
    accountScoped: false,
  })
  async get(): Promise<RateTableDto> {
    return toRateTableDto(await this.rates.get());
  }

  @Put()
  @ApiConsumes('application/json', 'multipart/form-data')
  @ApiExtraModels(PutRateTableDto)
  @ApiBody({
    schema: {
      oneOf: [
        { $ref: getSchemaPath(PutRateTableDto) },
        {
          type: 'object',
          required: ['file'],
          properties: {
            file: { type: 'string', format: 'binary', description: 'A rate card as CSV.' },
            currency: { type: 'string', description: 'When the file has no such column.' },
          },
        },
      ],
    },
  })
  @Operation({
    id: 'putRateTable',
    summary: 'Replace the prices that costs are worked out by',
    description:
      'JSON, or a form with a CSV `file`: `country,category,price`, or a line for each country with a column for each ' +
      'category, as in Meta’s rate cards. What is counted already stays as it was priced.',
    tag: TAG,
    scope: 'campaigns:write',
    answers: RateTableDto,
    accountScoped: false,
    errors: ['payload_too_large', 'unsupported_media_type'],
  })
  async put(@Req() request: ParleyRequest): Promise<RateTableDto> {
    if (!isForm(request)) {
      const { currency, rates } = await readInto(PutRateTableDto, request.body);
      return toRateTableDto(await this.rates.replace(currency, readRates(rates)));
    }
    return withForm(request, async ({ fields, file }) => {
      const form = await readInto(RateCardFormDto, fields);
      if (!file) {
        throw invalidField('file', 'required', 'Send the rate card in the field file.');
      }
      const card = await readRateCard(file.open().stream);
      const currency = form.currency ?? card.currency;
      if (currency === null) {
        throw invalidField('currency', 'required', 'Say the currency, in the form or in a column of the file.');
      }
      return toRateTableDto(await this.rates.replace(currency, card.rates));
    });
  }
}
