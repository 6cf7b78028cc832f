import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { packageRoot } from '../../../magnetodb/config/package-root.js';
import { sampleConfig } from '../../../magnetodb/config/sample.js';
import { schema } from '../../../magnetodb/config/schema.js';

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const PROGRAM = path.join(packageRoot, 'magnetodb', 'cmd', 'config-generator.ts');

describe('magnetodb-config-generator', () => {
  function run(...flags: string[]): string {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', TSX, PROGRAM, ...flags], {
      encoding: 'utf8',
    });
    expect(status, stderr).to.equal(0);
    return stdout;
  }

  it('prints the sample configuration', () => {
    expect(run()).to.equal(sampleConfig(schema));
  });

  it('writes it to a file', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'magnetodb-generator-'));
    try {
      const file = path.join(folder, 'sample');
      expect(run('--output-file', file)).to.equal('');
      expect(readFileSync(file, 'utf8')).to.equal(sampleConfig(schema));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
