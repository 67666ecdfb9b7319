declare module "style-mod-original" {
  export class StyleModule {
    constructor(spec: Record<string, object>, options?: { finish?(selector: string): string });
    getRules(): string;
    static mount(
      root: Document | ShadowRoot,
      module: StyleModule | readonly StyleModule[],
      options?: object,
    ): void;
    static newName(): string;
  }
}
