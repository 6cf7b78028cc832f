import { expect } from 'chai';
import { loadPlaces } from '../../../../tools/demo/places.js';
import type { Progress } from '../../../../tools/demo/report.js';
import { bulkLoadBody } from '../../../../tools/demo/upload.js';

function recording(): Progress & { readonly seen: [number, number][] } {
  const seen: [number, number][] = [];
  return { seen, update: (items, bytes) => seen.push([items, bytes]), stop: () => undefined };
}

describe('tools/demo/upload', () => {
  // bulk_load takes one item a line: a lost or doubled line shows in its counters only as a difference.
  it('makes one line of JSON for each place, in order', () => {
    const places = loadPlaces(1000);
    const text = Buffer.concat([...bulkLoadBody(places, recording())]).toString();
    expect(text.endsWith('\n')).to.equal(true);
    const lines = text.trimEnd().split('\n');
    expect(lines).to.have.length(1000);
    const keys = lines.map((line) => (JSON.parse(line) as { place: { S: string } }).place.S);
    expect(keys).to.deep.equal(places.map(({ place }) => place));
  });

  // Back-pressure works only if pieces are made when they are asked for.
  it('makes a piece when it is asked for, of a bounded size', () => {
    const progress = recording();
    const body = bulkLoadBody(loadPlaces(2000), progress);
    const first = body.next().value as Buffer;
    expect(first.length).to.be.within(65_536, 80_000);
    expect(progress.seen, 'nothing is reported before the piece is taken').to.deep.equal([]);
    body.next();
    expect(progress.seen).to.have.length(1);
    expect(progress.seen[0]?.[1]).to.equal(first.length);
  });

  // The bar must end at its end.
  it('reports all items and bytes in the end', () => {
    const progress = recording();
    const size = Buffer.concat([...bulkLoadBody(loadPlaces(700), progress)]).length;
    expect(progress.seen.at(-1)).to.deep.equal([700, size]);
  });

  // An empty body is a load of nothing, not of an empty line.
  it('makes nothing of no places', () => {
    expect([...bulkLoadBody([], recording())]).to.deep.equal([]);
  });
});
