#!/usr/bin/env node
/**
 * Writes the sample configuration to standard output, or to a file:
 *
 *     tsx magnetodb/cmd/config-generator.ts --output-file etc/magnetodb/magnetodb.conf.sample
 */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { sampleConfig } from '../config/sample.js';
import { schema } from '../config/schema.js';

const program = new Command('magnetodb-config-generator')
  .description('Writes a sample configuration file that explains every option.')
  .option('--output-file <file>', 'write to this file instead of standard output')
  .parse();

const { outputFile } = program.opts<{ outputFile?: string }>();
if (outputFile === undefined) process.stdout.write(sampleConfig(schema));
else writeFileSync(outputFile, sampleConfig(schema));
