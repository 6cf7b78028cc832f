/** What goes wrong outside of these tools' own code: it is told without a stack. */
export class CassandraToolError extends Error {}
