/**
 * Writes the sample configuration, as oslo-config-generator lays it out: every option with what it means, commented
 * out, at its default.
 */
import type { Schema, Section } from './schema.js';

const LINE_LENGTH = 79;

/** The text of magnetodb.conf.sample. */
export function sampleConfig(options: Schema): string {
  const sections = Object.entries(options).map(([name, section]) => {
    const entries = Object.entries(section).map(([key, option]) => describe(key, option));
    return [`[${name}]`, ...entries].join('\n\n');
  });
  return `${sections.join('\n\n')}\n`;
}

function describe(name: string, option: Section[string]): string {
  const lines = [...wrap(`${option.doc} (${kind(option)})`)];
  if (option.min !== undefined) lines.push(`Minimum value: ${option.min}`);
  if (option.max !== undefined) lines.push(`Maximum value: ${option.max}`);
  if (typeof option.format !== 'string') lines.push(`Possible values: ${option.format.join(', ')}`);
  const flag = option.flag === undefined ? '' : `; command line: ${option.flag}`;
  lines.push(`Environment: ${option.env}${flag}`);
  const value = option.sensitive === true ? '<secret>' : String(option.default).replaceAll('$', '$$$$');
  return [...lines.map((line) => `# ${line}`), `#${name} = ${value}`.trimEnd()].join('\n');
}

/** The option's form, in oslo-config-generator's words. */
function kind(option: Section[string]): string {
  switch (option.format) {
    case 'switch':
      return 'boolean value';
    case 'whole_number':
      return 'integer value';
    case 'decimal_number':
      return 'floating point value';
    default:
      return 'string value';
  }
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > LINE_LENGTH - '# '.length) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}
