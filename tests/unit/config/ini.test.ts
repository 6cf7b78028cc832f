import { expect } from 'chai';
import fc from 'fast-check';
import { IniError, parseIni } from '../../../magnetodb/config/ini.js';

const entriesOf = (text: string): [string, string][] =>
  parseIni(text, 'x.conf').sections.flatMap((section) =>
    section.entries.map((entry): [string, string] => [entry.key, entry.value]),
  );

describe('parseIni', () => {
  // Messages of the configuration and of the paste file name lines: they must be the editor's.
  it('keeps sections and entries in order, with their line numbers', () => {
    const file = parseIni('# head\n[DEFAULT]\n\na = 1\n[b]\nc: 2\n', 'etc/x.conf');
    expect(file).to.deep.equal({
      path: 'etc/x.conf',
      sections: [
        { name: 'DEFAULT', line: 2, entries: [{ key: 'a', value: '1', line: 4 }] },
        { name: 'b', line: 5, entries: [{ key: 'c', value: '2', line: 6 }] },
      ],
    });
  });

  // A URL holds a colon, a Paste filter's query an equals sign: the first of the two delimits.
  it('splits at the first delimiter only', () => {
    expect(entriesOf('[a]\nurl = http://h:5000/v3\nquery: a=b\nempty =\n')).to.deep.equal([
      ['url', 'http://h:5000/v3'],
      ['query', 'a=b'],
      ['empty', ''],
    ]);
  });

  // Paste files list a pipeline's filters over several lines.
  it('joins indented lines to the value above them', () => {
    expect(entriesOf('[p]\npipeline =\n    a\n\tb\n  c\nnext = 1')).to.deep.equal([
      ['pipeline', 'a\nb\nc'],
      ['next', '1'],
    ]);
  });

  // An operator takes one filter out of a list by a # in front of it.
  it('skips comments inside a continued value', () => {
    expect(entriesOf('[p]\npipeline = a\n#   b\n    ; c\n    d\n')).to.deep.equal([['pipeline', 'a\nd']]);
  });

  // oslo.config and Python 3 agree: a password may hold a # or ;.
  it('keeps comment signs that follow a value', () => {
    expect(entriesOf('[a]\npassword = x#y ; z\n')).to.deep.equal([['password', 'x#y ; z']]);
  });

  // oslo's MultiStrOpt repeats a key; Paste refuses it. Both decide for themselves.
  it('keeps repeated keys and repeated sections apart', () => {
    const file = parseIni('[a]\nk = 1\nk = 2\n[a]\nk = 3\n', 'x');
    expect(file.sections.map((s) => s.entries.map((e) => e.value))).to.deep.equal([['1', '2'], ['3']]);
  });

  // Files edited on Windows: carriage returns must not end up in values, the byte order mark not in a name.
  it('reads CRLF and a byte order mark', () => {
    expect(entriesOf('\uFEFF[a]\r\nk = v\r\n  w\r\n')).to.deep.equal([['k', 'v\nw']]);
  });

  it('takes a comment after a section header, and blanks inside it', () => {
    expect(parseIni('[ filter:x ]  # why\n', 'x').sections[0]?.name).to.equal('filter:x');
  });

  const broken: [string, string, number][] = [
    ['an entry before any section', 'a = 1\n[b]\n', 1],
    ['a line that is neither', '[a]\nb = 1\nnonsense\n', 3],
    ['an empty key', '[a]\n = 1\n', 2],
    ['an empty key at the margin', '[a]\n= 1\n', 2],
    ['an unclosed header', '[a\n', 1],
    ['an empty header', '[]\n', 1],
    ['a blank header', '[ ]\n', 1],
    ['text after a header', '[a] b\n', 1],
    ['an indented line after a header', '[a]\n  b = 1\n', 2],
    // In oslo.config a blank line ends a value: what follows would silently become part of it.
    ['an indented line after a blank one', '[a]\nb = 1\n\n  c = 2\n', 4],
  ];
  for (const [what, text, line] of broken) {
    // A half-read configuration must stop the start, and say where.
    it(`refuses ${what} with file and line`, () => {
      expect(() => parseIni(text, 'etc/x.conf'))
        .to.throw(IniError, `etc/x.conf:${line}: `)
        .that.includes({ file: 'etc/x.conf', line });
    });
  }

  // What is written comes back, whatever the text: nothing in a value is special but its blanks and newlines.
  it('gives back any trimmed one-line value', () => {
    const word = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).map((s) => s.trim());
    fc.assert(
      fc.property(word, (value) => {
        expect(entriesOf(`[s]\nkey = ${value}\n`)).to.deep.equal([['key', value]]);
      }),
    );
  });

  // A parser of operators' files may refuse, but not break.
  it('throws nothing but IniError', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('[', ']', 'a', '=', ':', ' ', '\n', '#', '\r', '\t')), (parts) => {
        try {
          parseIni(parts.join(''), 'x');
        } catch (error) {
          expect(error).to.be.instanceOf(IniError);
        }
      }),
    );
  });
});
