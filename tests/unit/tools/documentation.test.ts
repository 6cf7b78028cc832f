/** README.rst and doc/ name many files. A name that leads nowhere costs a reader more than no name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const DOC = path.join(ROOT, 'doc');
const PAGES = readdirSync(DOC).filter((name) => name.endsWith('.rst'));
const FILES = ['README.rst', ...PAGES.map((name) => `doc/${name}`)];

function textOf(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

function all(pattern: RegExp, text: string): string[] {
  return Array.from(text.matchAll(pattern), ([, found = '']) => found);
}

/** The pages that index.rst lists. */
function tocEntries(): string[] {
  return all(/^ {3}([a-z][a-z-]*)$/gm, textOf('doc/index.rst'));
}

describe('the documentation', () => {
  // Sphinx makes a page only of what the index leads to.
  it('lists every page in its index, and no page that is missing', () => {
    const pages = PAGES.map((name) => path.basename(name, '.rst')).filter((name) => name !== 'index');
    expect(tocEntries().sort()).to.deep.equal(pages.sort());
  });

  for (const file of FILES) {
    // Links that are relative lead to files beside the page, on any site that shows it.
    it(`links from ${file} only to files that exist`, () => {
      const text = textOf(file);
      const links = all(/`[^`]*?<([^>`]+)>`_/g, text).filter((link) => !/^[a-z]+:/.test(link));
      for (const link of links) {
        const target = path.resolve(ROOT, path.dirname(file), link);
        expect(existsSync(target), `${file} links to ${link}`).to.equal(true);
      }
      for (const page of all(/:doc:`([^`<]+)`/g, text)) {
        expect(existsSync(path.join(DOC, `${page}.rst`)), `${file} refers to ${page}`).to.equal(true);
      }
    });

    // The architecture page above all is a map: its roads must exist.
    it(`names in ${file} only files of the repository that exist`, () => {
      const named = all(/(?<![\w/.-])((?:magnetodb|etc|tests|tools|doc)\/[\w./-]*\w\/?)/g, textOf(file));
      const missing = [...new Set(named)].filter(
        // An installed service's own folder is not the repository's.
        (name) => !name.startsWith('doc/build') && !existsSync(path.join(ROOT, name)),
      );
      expect(missing).to.deep.equal([]);
    });
  }

  // Paths in the walk through the code are below magnetodb/, and short.
  it('walks only through files that exist', () => {
    const folders = ['', 'api/v1/data', 'engine', 'middleware'];
    const named = all(/``([\w./-]+\.ts)``/g, textOf('doc/architecture.rst'));
    expect(named.length).to.be.at.least(25);
    const missing = named.filter(
      (name) => !folders.some((folder) => existsSync(path.join(ROOT, 'magnetodb', folder, name))),
    );
    expect(missing).to.deep.equal([]);
  });
});
