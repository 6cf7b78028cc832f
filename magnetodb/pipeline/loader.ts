/**
 * Composes a paste file's sections into one handler. Order and contents are the file's alone: nothing is wired in
 * code, and `[composite:main]`, `[pipeline:main]` or `[app:main]` is where a request begins.
 *
 * A section makes one filter or app, however many pipelines name it: a rate limit named in two pipelines counts for
 * both together, and holds its resources once. (Paste Deploy makes one for each use; for that, write two sections with
 * `use` of the one in the other.)
 */
import { readFile } from 'node:fs/promises';
import type { Request, RequestHandler, Response } from 'express';
import { answerFault, faultOf } from '../api/v1/fault.js';
import type { Factory } from './built-ins.js';
import { chain, type Composed } from './chain.js';
import { isModuleUse, loadFactory, UseError } from './modules.js';
import { readOptions } from './options.js';
import { PasteError, PasteFile, type PasteKind, type PasteOption, type PasteSection } from './paste-file.js';
import type { App, Filter, Service } from './types.js';
import { urlMap } from './url-map.js';

export { PasteError } from './paste-file.js';

/** A composed paste file. */
export interface Pipeline {
  /**
   * Answers a request, whatever happens: an error that no filter answers is a fault body without details and a line
   * in the log; one that comes when the head of an answer is out cuts the connection, so that no client takes half an
   * answer for a whole one. Never throws.
   */
  handle(req: Request, res: Response): void;
  /**
   * Closes apps and filters, each once, the last made first. One that fails is logged and keeps no other from being
   * closed. Never rejects; safe to call twice.
   */
  close(): Promise<void>;
}

/**
 * Reads and composes a paste file.
 * @throws {PasteError} for whatever is wrong in it, with file, line, section and option; what had been made until then
 * is closed.
 */
export async function loadPipeline(path: string, service: Service): Promise<Pipeline> {
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = `can't be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new PasteError(path, undefined, undefined, undefined, reason, { cause: error });
  }
  const composer = new Composer(new PasteFile(text, path), service);
  try {
    return new ComposedPipeline(await composer.main(), composer, service);
  } catch (error) {
    await composer.close();
    throw error;
  }
}

/** A section with its `use` lines followed to the end: what makes it, and with which options. */
interface Resolved {
  readonly factory: Factory;
  /** Where `use` names the factory. */
  readonly use: PasteOption;
  readonly own: readonly PasteOption[];
  readonly settings: readonly PasteOption[];
}

class Composer {
  readonly #file: PasteFile;
  readonly #service: Service;
  readonly #filters = new Map<PasteSection, Filter>();
  readonly #apps = new Map<PasteSection, RequestHandler>();
  readonly #closers: { readonly section: string; readonly close: () => void | Promise<void> }[] = [];
  /** The app, pipeline and composite sections that are being composed, outermost first. */
  readonly #path: PasteSection[] = [];
  #closing: Promise<void> | undefined;

  constructor(file: PasteFile, service: Service) {
    this.#file = file;
    this.#service = service;
  }

  async main(): Promise<Composed> {
    const main = this.#file.app('main');
    if (main === undefined) {
      const reason = 'there is no [composite:main], [pipeline:main] or [app:main] to begin with';
      throw this.#file.error(undefined, undefined, undefined, reason);
    }
    return chain([], await this.#app(main));
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      for (const { section, close } of this.#closers.reverse()) {
        try {
          await close();
        } catch (error) {
          this.#service.logger.error('pipeline part not closed', { section, error });
        }
      }
    })();
    return this.#closing;
  }

  /** An app, pipeline or composite, made at its first use. Ends in a handler, which a chain must call. */
  async #app(section: PasteSection): Promise<RequestHandler> {
    const made = this.#apps.get(section);
    if (made !== undefined) return made;
    if (this.#path.includes(section)) {
      const cycle = [...this.#path.slice(this.#path.indexOf(section)), section];
      const names = cycle.map((each) => each.title).join(' → ');
      throw this.#file.error(section.line, section.title, undefined, `leads back to itself: ${names}`);
    }
    this.#path.push(section);
    const app = await this.#makeApp(section);
    this.#path.pop();
    this.#apps.set(section, app);
    return app;
  }

  async #makeApp(section: PasteSection): Promise<RequestHandler> {
    if (section.kind === 'pipeline') return await this.#pipeline(section);
    if (section.kind === 'composite') return await this.#composite(section);
    const app: App = await this.#make(section, 'app');
    return app.handle;
  }

  async #pipeline(section: PasteSection): Promise<Composed> {
    const list = section.options.find((option) => option.name === 'pipeline');
    this.#onlyOptions(section, (option) => option === list, `a pipeline has the one option 'pipeline'`);
    const names = list?.value.split(/\s+/).filter((name) => name !== '') ?? [];
    const last = names.pop();
    if (list === undefined || last === undefined) {
      const reason = 'is required: the names of filters, outermost first, then that of an app';
      throw this.#file.error(list?.line ?? section.line, section.title, 'pipeline', reason);
    }
    const filters: Filter[] = [];
    for (const name of names) {
      const filter = this.#file.filter(name);
      if (filter === undefined) {
        const app = this.#file.app(name);
        const reason =
          app === undefined
            ? `there is no [filter:${name}]`
            : `[${app.title}] is no filter: only the last name is an app`;
        throw this.#at(list, reason);
      }
      filters.push(await this.#filter(filter));
    }
    return chain(filters, await this.#app(this.#appNamed(last, list)));
  }

  async #composite(section: PasteSection): Promise<Composed> {
    const use = section.options.find((option) => option.name === 'use');
    if (use?.value !== 'magnetodb:urlmap') {
      const reason = `a composite is written use = magnetodb:urlmap`;
      throw this.#file.error(use?.line ?? section.line, section.title, 'use', reason);
    }
    const isMount = (option: PasteOption): boolean => option.name.startsWith('/');
    this.#onlyOptions(section, (option) => option === use || isMount(option), 'a prefix begins with a slash');
    const mounts = new Map<string, Composed>();
    for (const option of section.options.filter(isMount)) {
      const prefix = option.name.replace(/\/+$/, '') || '/';
      if (mounts.has(prefix)) throw this.#at(option, `the prefix ${prefix} is there twice`);
      mounts.set(prefix, chain([], await this.#app(this.#appNamed(option.value, option))));
    }
    if (mounts.size === 0) throw this.#at(use, 'a URL map needs a line /prefix = name of an app or pipeline');
    return urlMap([...mounts].map(([prefix, target]) => ({ prefix, target })));
  }

  #appNamed(name: string, mention: PasteOption): PasteSection {
    const app = this.#file.app(name);
    if (app !== undefined) return app;
    const reason =
      this.#file.filter(name) === undefined
        ? `there is no [app:${name}], [pipeline:${name}] or [composite:${name}]`
        : `[filter:${name}] is no app: a pipeline ends in an app, and only apps, pipelines and composites are mapped`;
    throw this.#at(mention, reason);
  }

  async #filter(section: PasteSection): Promise<Filter> {
    const made = this.#filters.get(section);
    if (made !== undefined) return made;
    const filter: Filter = await this.#make(section, 'filter');
    this.#filters.set(section, filter);
    return filter;
  }

  /** Makes what a filter or app section names. */
  async #make<Made extends Filter>(section: PasteSection, kind: 'filter' | 'app'): Promise<Made> {
    const { factory, use, own, settings } = await this.#resolve(section, []);
    if (factory.kind !== kind)
      throw this.#at(use, `'${use.value}' is ${article(factory.kind)}, not ${article(kind)}`);
    const options = readOptions(
      factory.options,
      own,
      [...this.#file.defaults, ...settings],
      (option, name, reason) =>
        option === undefined
          ? this.#file.error(section.line, section.title, name, reason)
          : this.#at(
              option,
              option.section === section.title ? reason : `${reason} (for [${section.title}])`,
            ),
    );
    let made;
    try {
      made = await factory.create(options, this.#service);
    } catch (error) {
      const reason = `can't be made: ${error instanceof Error ? error.message : String(error)}`;
      throw this.#file.error(section.line, section.title, undefined, reason, { cause: error });
    }
    const part: Filter = typeof made === 'function' ? { handle: made } : made;
    const { close } = part;
    if (close !== undefined) this.#closers.push({ section: section.title, close: () => close.call(part) });
    const isWhole = part.handle !== undefined || (kind === 'filter' && part.handleError !== undefined);
    if (!isWhole) throw this.#at(use, `made ${article(kind)} without a handler`);
    return bound(part) as Made;
  }

  async #resolve(section: PasteSection, path: readonly PasteSection[]): Promise<Resolved> {
    const use = section.options.find((option) => option.name === 'use');
    if (use === undefined || use.value === '') {
      throw this.#file.error(use?.line ?? section.line, section.title, 'use', 'is required');
    }
    const own = section.options.filter((option) => option !== use);
    const other = isModuleUse(use.value) ? undefined : this.#sectionToUse(section, use);
    if (other === undefined) {
      try {
        const factory = await loadFactory(use.value, this.#file.folder);
        return { factory, use, own, settings: section.settings };
      } catch (error) {
        if (!(error instanceof UseError)) throw error;
        const noSection = isModuleUse(use.value) ? '' : `there is no [${section.kind}:${use.value}], and `;
        throw this.#file.error(use.line, use.section, use.name, noSection + error.message, { cause: error });
      }
    }
    const trail = [...path, section];
    if (trail.includes(other)) {
      const names = [...trail, other].map((each) => each.title).join(' → ');
      throw this.#at(use, `leads back to itself: ${names}`);
    }
    const used = await this.#resolve(other, trail);
    const isOverridden = (option: PasteOption): boolean => own.some(({ name }) => name === option.name);
    return {
      ...used,
      own: [...used.own.filter((option) => !isOverridden(option)), ...own],
      settings: [...used.settings, ...section.settings],
    };
  }

  /** The section of the same kind that `use = name` means; undefined where the name can only be a package's. */
  #sectionToUse(section: PasteSection, use: PasteOption): PasteSection | undefined {
    const find = (kind: PasteKind): PasteSection | undefined =>
      kind === 'filter' ? this.#file.filter(use.value) : this.#file.app(use.value);
    const other = find(section.kind);
    if (other !== undefined && other.kind !== section.kind) {
      throw this.#at(use, `[${other.title}] is ${article(other.kind)}, not ${article(section.kind)}`);
    }
    return other;
  }

  #onlyOptions(section: PasteSection, isAllowed: (option: PasteOption) => boolean, rule: string): void {
    const [setting] = section.settings;
    if (setting !== undefined) throw this.#at(setting, `'set' works in filter and app sections only`);
    const unknown = section.options.find((option) => !isAllowed(option));
    if (unknown !== undefined) throw this.#at(unknown, `is unknown: ${rule}`);
  }

  #at(option: PasteOption, reason: string): PasteError {
    return this.#file.error(option.line, option.section, option.name, reason);
  }
}

class ComposedPipeline implements Pipeline {
  readonly #main: Composed;
  readonly #composer: Composer;
  readonly #service: Service;

  constructor(main: Composed, composer: Composer, service: Service) {
    this.#main = main;
    this.#composer = composer;
    this.#service = service;
  }

  handle(req: Request, res: Response): void {
    // "GET http://host/path", which every server must take (RFC 9112, 3.2.2): its host wins over the Host header.
    if (!req.url.startsWith('/')) toOriginForm(req);
    req.originalUrl = req.url;
    req.baseUrl = '';
    this.#main(req, res, (error) => {
      this.#lastResort(error, req, res);
    });
  }

  close(): Promise<void> {
    return this.#composer.close();
  }

  #lastResort(error: unknown, req: Request, res: Response): void {
    const { logger } = this.#service;
    const { requestId } = req.context;
    if (res.headersSent) {
      const isWhole = res.writableEnded;
      // A client that has gone away, or a table that has, is not our trouble.
      const level = res.destroyed || faultOf(error, requestId).status < 500 ? 'info' : 'error';
      logger[level]('error after the head of the answer', { error, request_id: requestId, cut: !isWhole });
      if (!isWhole) res.destroy();
      return;
    }
    const fault = faultOf(error, requestId);
    if (fault.status >= 500) logger.error('request failed', { error, request_id: requestId });
    try {
      answerFault(res, fault);
    } catch (failure) {
      logger.error('fault not answered', { error: failure, request_id: requestId });
      res.destroy();
    }
  }
}

/** Handlers as plain functions, since a chain calls them without their object. */
function bound(part: Filter): Filter {
  return {
    ...(part.handle === undefined ? {} : { handle: part.handle.bind(part) }),
    ...(part.handleError === undefined ? {} : { handleError: part.handleError.bind(part) }),
  };
}

function toOriginForm(req: Request): void {
  const [, host, rest = ''] = /^https?:\/\/([^/?#@]+)(.*)$/i.exec(req.url) ?? [];
  if (host === undefined) return; // "OPTIONS *": nothing maps it
  req.context.host = host;
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
}

function article(kind: PasteKind): string {
  return kind === 'app' ? 'an app' : `a ${kind}`;
}
