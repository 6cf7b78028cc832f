// Lint rules. The `no-restricted-imports` blocks hold the direction of imports that doc/architecture.rst draws:
// cmd → pipeline → middleware, api → engine → storage/driver ← drivers.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const drivers = {
  group: ['**/storage/lmdb/**', '**/storage/cassandra/**', 'lmdb', 'cassandra-driver'],
  message: 'Only the storage registry and a driver itself may know a driver.',
};
const http = {
  group: ['express', 'express-serve-static-core', 'node:http', 'helmet', 'http-errors'],
  message: 'The engine and the drivers know nothing of HTTP.',
};
const outer = {
  group: ['**/api/**', '**/middleware/**', '**/pipeline/**', '**/server/**', '**/cmd/**'],
  message: 'Imports point one way: cmd → pipeline → middleware, api → engine → storage.',
};
const above = (message, ...group) => ({ group, message });

export default tseslint.config(
  { ignores: ['build/', 'coverage/', 'node_modules/', 'data/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['magnetodb/**/*.ts'],
    ignores: ['magnetodb/config/**', 'magnetodb/cmd/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only config/ reads the environment.' },
      ],
    },
  },
  {
    files: ['magnetodb/engine/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [drivers, http, outer] }] },
  },
  {
    files: ['magnetodb/storage/**/*.ts'],
    ignores: ['magnetodb/storage/lmdb/**', 'magnetodb/storage/cassandra/**', 'magnetodb/storage/registry.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [drivers, http, outer, above('Storage knows rows, not items.', '**/engine/**')] },
      ],
    },
  },
  {
    files: ['magnetodb/storage/lmdb/**/*.ts', 'magnetodb/storage/cassandra/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [http, outer, above('Storage knows rows, not items.', '**/engine/**')] },
      ],
    },
  },
  {
    files: ['magnetodb/api/**/*.ts', 'magnetodb/middleware/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            drivers,
            above('The API layers know nothing of storage.', '**/storage/**'),
            above('Imports point one way.', '**/cmd/**'),
          ],
        },
      ],
    },
  },
  {
    // Chai's assertions are property reads, and tests await what only sometimes is a promise.
    files: ['tests/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['tests/bench/**/*.ts', 'tools/**/*.ts', 'magnetodb/cmd/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly' } },
  },
);
