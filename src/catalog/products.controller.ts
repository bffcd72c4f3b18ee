import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import {
  CreateProductDto,
  ListProductsQuery,
  ProductDto,
  ProductListDto,
  toProductDto,
  toProductInput,
  UpdateProductDto,
} from './product.dto.js';
import { ProductsService } from './products.service.js';

const READ = { tag: 'Catalog', scope: 'catalog:read' } as const;
const WRITE = { tag: 'Catalog', scope: 'catalog:write' } as const;

@Controller('catalog/products')
export class ProductsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly products: ProductsService,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listProducts',
    summary: 'List products, the newest first',
    answers: ProductListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListProductsQuery): Promise<ProductListDto> {
    const { q, catalog_id: catalogId, is_active: isActive, availability, limit, cursor } = query;
    const { id: accountId } = await this.accounts.current();
    const page = await this.products.list(accountId, { q, catalogId, isActive, availability, limit, cursor });
    return { products: page.rows.map(toProductDto), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createProduct',
    example: {
      catalog_id: '500000000000001',
      retailer_id: 'SHIRT-M',
      name: 'Linen shirt, M',
      price: '1299 INR',
      url: 'https://example.com/shirt',
      image_url: 'https://example.com/shirt.jpg',
    },
    summary: 'Create a product',
    description:
      'Makes it here; Meta hears nothing of it, and a sync does not take it for gone. When a sync finds its retailer_id at ' +
      'Meta, it becomes what Meta has.',
    status: 201,
    answers: ProductDto,
    errors: ['product_exists'],
  })
  async create(@Body() body: CreateProductDto): Promise<ProductDto> {
    return toProductDto(await this.products.create(await this.accounts.current(), toProductInput(body)));
  }

  @Get(':id')
  @Operation({ ...READ, id: 'getProduct', summary: 'Get a product', answers: ProductDto, errors: ['not_found'] })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<ProductDto> {
    return toProductDto(await this.products.get((await this.accounts.current()).id, id));
  }

  @Patch(':id')
  @Operation({
    ...WRITE,
    id: 'updateProduct',
    example: { price: '999 INR' },
    summary: 'Change a product',
    description:
      'Changes the given fields here; Meta hears nothing of it. Of a product that Meta has, the next sync brings Meta’s ' +
      'words back; `is_active: false` stays until somebody says otherwise.',
    answers: ProductDto,
    errors: ['not_found', 'product_exists', 'conflict'],
  })
  async update(@Param() { id }: IdParam, @Body() body: UpdateProductDto): Promise<ProductDto> {
    return toProductDto(await this.products.update((await this.accounts.current()).id, id, toProductInput(body)));
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteProduct',
    summary: 'Delete a product here',
    description: 'One that Meta has comes back with the next sync; to keep it out of use, set `is_active` to false.',
    errors: ['not_found'],
  })
  async delete(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    await this.products.delete((await this.accounts.current()).id, id);
  }
}
