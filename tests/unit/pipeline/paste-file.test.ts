import { expect } from 'chai';
import { PasteError, PasteFile } from '../../../magnetodb/pipeline/paste-file.js';

const read = (text: string): PasteFile => new PasteFile(text, '/etc/magnetodb/api-paste.ini');
const valuesOf = (file: PasteFile, filter: string): [string, string][] =>
  (file.filter(filter)?.options ?? []).map(({ name, value }) => [name, value]);

describe('PasteFile', () => {
  // Composition and its messages rest on kinds, names and lines.
  it('keeps sections by kind and name, with lines', () => {
    const file = read('[composite:main]\nuse = x\n[filter:a]\nuse = y\nk = v\n');
    expect(file.app('main')).to.deep.include({ kind: 'composite', title: 'composite:main', line: 1 });
    expect(file.filter('a')?.options[1]).to.deep.equal({
      name: 'k',
      value: 'v',
      line: 5,
      section: 'filter:a',
    });
    expect(file.filter('main')).to.equal(undefined);
    expect(file.app('a')).to.equal(undefined);
  });

  // Paste Deploy: a filter and an app may have one name, since no place takes both.
  it('lets a filter and an app share a name', () => {
    const file = read('[filter:x]\nuse = f\n[app:x]\nuse = a\n');
    expect(file.filter('x')?.kind).to.equal('filter');
    expect(file.app('x')?.kind).to.equal('app');
  });

  // Python's ConfigParser, which Paste Deploy reads with: own options, inherited ones, both at any depth.
  it('interpolates own and inherited options, here and percent signs', () => {
    const file = read(
      '[DEFAULT]\nport = 80\nhost = h:%(port)s\n[filter:a]\nport = 81\nurl = http://%(host)s/%(path)s\npath = p%%20\nfile = %(here)s/x of %(__file__)s\n',
    );
    expect(valuesOf(file, 'a')).to.deep.equal([
      ['port', '81'],
      ['url', 'http://h:81/p%20'],
      ['path', 'p%20'],
      ['file', '/etc/magnetodb/x of /etc/magnetodb/api-paste.ini'],
    ]);
    expect(file.defaults.map(({ value }) => value)).to.deep.equal(['80', 'h:80']);
  });

  // A folder's name is no template.
  it('takes percent signs in the folder of the file as they are', () => {
    const file = new PasteFile('[filter:a]\nx = %(here)s\n', '/srv/100%s/paste.ini');
    expect(valuesOf(file, 'a')).to.deep.equal([['x', '/srv/100%s']]);
  });

  // Paste Deploy's way to override an inherited option.
  it('keeps "set" lines apart from options', () => {
    const file = read('[filter:a]\nset  level = debug\nx = 1\n');
    expect(file.filter('a')?.settings.map(({ name, value }) => [name, value])).to.deep.equal([
      ['level', 'debug'],
    ]);
    expect(valuesOf(file, 'a')).to.deep.equal([['x', '1']]);
  });

  // Files of the original name their server in the same file.
  it('skips server sections', () => {
    expect(read('[server:main]\nuse = egg:gunicorn#main\nport = %bad\n').app('main')).to.equal(undefined);
  });

  const wrong: [string, string, Partial<PasteError>, string][] = [
    [
      'what is no INI',
      '[filter:a]\nnonsense\n',
      { line: 2 },
      "/etc/magnetodb/api-paste.ini:2: neither '=' nor ':' on this line",
    ],
    [
      'a section that is there twice',
      '[filter:a]\nuse = x\n[filter:a]\n',
      { line: 3, section: 'filter:a' },
      '/etc/magnetodb/api-paste.ini:3: [filter:a] is defined twice, first on line 1',
    ],
    ['[DEFAULT] twice', '[DEFAULT]\n[DEFAULT]\n', { line: 2, section: 'DEFAULT' }, 'twice'],
    [
      'an app and a pipeline of one name',
      '[app:x]\n[pipeline:x]\n',
      { line: 2, section: 'pipeline:x' },
      '[app:x] on line 1',
    ],
    [
      'an option that is there twice',
      '[filter:a]\nk = 1\nk = 2\n',
      { line: 3, section: 'filter:a', option: 'k' },
      "/etc/magnetodb/api-paste.ini:3: [filter:a] option 'k': is there twice, first on line 2",
    ],
    ['a section of an unknown kind', '[filter-app:x]\n', { line: 1, section: 'filter-app:x' }, 'is none of'],
    ['a section without a name', '[filter:]\n', { line: 1, section: 'filter:' }, 'is none of'],
    [
      'interpolation of what is not there',
      '[filter:a]\nk = %(nope)s\n',
      { line: 2, section: 'filter:a', option: 'k' },
      '%(nope)s',
    ],
    [
      'interpolation in a circle',
      '[filter:a]\nx = %(y)s\ny = %(x)s\n',
      { line: 2, option: 'x' },
      'x → y → x',
    ],
    ['a lone percent sign', '[DEFAULT]\nk = 100%\n', { line: 2, section: 'DEFAULT', option: 'k' }, '%%'],
  ];
  for (const [what, text, place, message] of wrong) {
    // A mistake must stop the start and say where it is.
    it(`refuses ${what}`, () => {
      expect(() => read(text))
        .to.throw(PasteError, message)
        .that.includes({ file: '/etc/magnetodb/api-paste.ini', ...place });
    });
  }
});
