/**
 * What a user of the table would ask. Each answer is printed with the time that the requests took, and compared with
 * the data set itself.
 */
import {
  CountAnswer,
  ItemAnswer,
  ItemsAnswer,
  RefusedError,
  ScanAnswer,
  UpdateAnswer,
  textOf,
  type DataApi,
  type Item,
} from './client.js';
import { comparePlaces, type Place } from './places.js';
import { formatCount, formatMs, type Report } from './report.js';

/** A place with at least this many people is a megacity. */
const MEGACITY = 10_000_000;
const SCAN_SEGMENTS = 4;
const SCAN_PAGE = 5_000;
const COUNTRY_PAGE = 500;

interface Tour {
  readonly api: DataApi;
  /** The table's path under the endpoint. */
  readonly path: string;
  readonly report: Report;
  /** Every place that was loaded. */
  readonly places: readonly Place[];
  /** The country asked about: the one with the most places. */
  readonly country: string;
  readonly countryName: string;
  /** Its places, in key order. */
  readonly ofCountry: readonly Place[];
}

/** Asks all questions, one after the other. `places` are those that the table holds; at least one. */
export async function runTour(
  api: DataApi,
  table: string,
  places: readonly Place[],
  report: Report,
): Promise<void> {
  const country = busiestCountry(places);
  const tour: Tour = {
    api,
    path: `/tables/${table}`,
    report,
    places,
    country,
    countryName: new Intl.DisplayNames(['en'], { type: 'region' }).of(country) ?? country,
    ofCountry: places.filter((place) => place.country === country).sort(comparePlaces),
  };
  await mostPopulous(tour);
  await namesWithPrefix(tour);
  await populationBetween(tour);
  await capital(tour);
  await countOfCountry(tour);
  await megacities(tour);
  await census(tour);
  await pagesOfCountry(tour);
}

async function mostPopulous(tour: Tour): Promise<void> {
  tour.report.heading(
    `The ten most populous places of ${tour.countryName} (index by_population, descending)`,
  );
  const answer = await timed(tour, 'query', () =>
    query(tour, { index_name: 'by_population', scan_index_forward: false, limit: 10 }),
  );
  showPlaces(tour, answer.items);
  tour.report.verify(
    'the same ten, in the same order, as in the data set',
    answer.items.map(nameAndPopulation),
    [...tour.ofCountry]
      .reverse()
      .sort((a, b) => b.population - a.population) // a stable sort: ties stay descending by key
      .slice(0, 10)
      .map(expectedNameAndPopulation),
  );
}

async function namesWithPrefix(tour: Tour): Promise<void> {
  const prefix = commonPrefix(tour.ofCountry);
  tour.report.heading(
    `Places of ${tour.countryName} whose names begin with '${prefix}' (BEGINS_WITH on the RANGE key)`,
  );
  const answer = await timed(tour, 'query', () =>
    query(tour, {}, { place: condition('BEGINS_WITH', { S: prefix }) }),
  );
  showPlaces(tour, answer.items.slice(0, 5));
  tour.report.line(`  ${formatCount(answer.count)} in all; the first five are shown`);
  tour.report.verify(
    'all of them, in key order',
    answer.items.map((item) => textOf(item, 'place')),
    tour.ofCountry.filter((place) => place.place.startsWith(prefix)).map((place) => place.place),
  );
}

async function populationBetween(tour: Tour): Promise<void> {
  const [low, high] = [200_000, 250_000];
  tour.report.heading(
    `Places of ${tour.countryName} with ${formatCount(low)} to ${formatCount(high)} people (BETWEEN on by_population)`,
  );
  const answer = await timed(tour, 'query', () =>
    query(
      tour,
      { index_name: 'by_population', attributes_to_get: ['name', 'population'] },
      { population: condition('BETWEEN', { N: String(low) }, { N: String(high) }) },
    ),
  );
  showPlaces(tour, answer.items.slice(0, 5));
  tour.report.line(`  ${formatCount(answer.count)} in all; the five smallest are shown`);
  tour.report.verify(
    'as many as in the data set',
    answer.count,
    tour.ofCountry.filter((place) => place.population >= low && place.population <= high).length,
  );
}

async function capital(tour: Tour): Promise<void> {
  tour.report.heading(
    `The capital of ${tour.countryName} (index by_kind, which holds projected attributes only)`,
  );
  const answer = await timed(tour, 'query', () =>
    query(tour, { index_name: 'by_kind' }, { kind: condition('EQ', { S: 'PPLC' }) }),
  );
  showPlaces(tour, answer.items);
  tour.report.verify(
    'the data set names the same',
    answer.items.map(nameAndPopulation),
    tour.ofCountry.filter((place) => place.kind === 'PPLC').map(expectedNameAndPopulation),
  );
}

async function countOfCountry(tour: Tour): Promise<void> {
  tour.report.heading(`How many places of ${tour.countryName} there are (select COUNT)`);
  const answer = await timed(tour, 'query', () =>
    tour.api.call('POST', `${tour.path}/query`, CountAnswer, queryBody(tour, { select: 'COUNT' })),
  );
  tour.report.line(`  ${formatCount(answer.count)}`);
  tour.report.verify('as many as in the data set', answer.count, tour.ofCountry.length);
}

async function megacities(tour: Tour): Promise<void> {
  tour.report.heading(
    `Places with ${formatCount(MEGACITY)} people or more (a scan in ${SCAN_SEGMENTS} parallel segments, ` +
      `${formatCount(SCAN_PAGE)} items a page)`,
  );
  const segments = await timed(tour, 'scan', () =>
    Promise.all(Array.from({ length: SCAN_SEGMENTS }, (_value, segment) => scanSegment(tour, segment))),
  );
  tour.report.table(
    ['segment', 'pages', 'examined', 'found'],
    segments.map((found) => [found.segment, found.pages, found.examined, found.items.length]),
  );
  const found = segments.flatMap((segment) => segment.items);
  showPlaces(
    tour,
    found.sort((a, b) => Number(textOf(b, 'population')) - Number(textOf(a, 'population'))),
  );
  const examined = segments.reduce((sum, segment) => sum + segment.examined, 0);
  tour.report.verify('the segments together examined every item once', examined, tour.places.length);
  tour.report.verify(
    'the data set has the same megacities',
    found.map((item) => textOf(item, 'id')).sort(),
    tour.places
      .filter((place) => place.population >= MEGACITY)
      .map((place) => String(place.id))
      .sort(),
  );
}

interface Segment {
  readonly segment: number;
  readonly pages: number;
  readonly examined: number;
  readonly items: Item[];
}

async function scanSegment(tour: Tour, segment: number): Promise<Segment> {
  const items: Item[] = [];
  let [pages, examined] = [0, 0];
  let start: Item | undefined;
  do {
    const page = await tour.api.call('POST', `${tour.path}/scan`, ScanAnswer, {
      scan_filter: { population: condition('GE', { N: String(MEGACITY) }) },
      segment,
      total_segments: SCAN_SEGMENTS,
      limit: SCAN_PAGE,
      ...(start === undefined ? {} : { exclusive_start_key: start }),
    });
    items.push(...page.items);
    pages += 1;
    examined += page.scanned_count;
    start = page.last_evaluated_key;
  } while (start !== undefined);
  return { segment, pages, examined, items };
}

async function census(tour: Tour): Promise<void> {
  const place = mostPopulousOf(tour.ofCountry);
  const key = { country: { S: place.country }, place: { S: place.place } };
  tour.report.heading(`A census in ${place.name}: ADD to its population, if it is still what was read`);
  const read = await timed(tour, 'get_item', () =>
    tour.api.call('POST', `${tour.path}/get_item`, ItemAnswer, { key, consistent_read: true }),
  );
  showPlaces(tour, read.item === undefined ? [] : [read.item]);
  tour.report.verify(
    'get_item answers what was loaded',
    read.item === undefined ? undefined : nameAndPopulation(read.item),
    expectedNameAndPopulation(place),
  );

  const grow = (by: number, from: number): Promise<{ attributes?: Item }> =>
    tour.api.call('POST', `${tour.path}/update_item`, UpdateAnswer, {
      key,
      attribute_updates: { population: { action: 'ADD', value: { N: String(by) } } },
      expected: { population: { value: { N: String(from) } } },
      return_values: 'UPDATED_NEW',
    });
  const updated = await timed(tour, 'update_item', () => grow(1_000, place.population));
  const grown = place.population + 1_000;
  tour.report.verify(`the population is now ${formatCount(grown)}`, updated.attributes, {
    population: { N: String(grown) },
  });

  tour.report.line('  The same update again, which now expects what is no longer there:');
  const refusal = await timed(tour, 'update_item', () => refusalOf(grow(1_000, place.population)));
  tour.report.line(`  ${refusal?.message ?? 'it was not refused'}`);
  tour.report.verify('it is refused', refusal?.type, 'ConditionalCheckFailedException');

  const first = await timed(tour, 'query', () =>
    query(tour, { index_name: 'by_population', scan_index_forward: false, limit: 1, consistent_read: true }),
  );
  tour.report.verify('the index by_population knows the new number', first.items.map(nameAndPopulation), [
    `${place.name}: ${grown}`,
  ]);
  await grow(-1_000, grown);
}

async function pagesOfCountry(tour: Tour): Promise<void> {
  tour.report.heading(`All places of ${tour.countryName}, ${formatCount(COUNTRY_PAGE)} a page`);
  const keys: string[] = [];
  const counts: number[] = [];
  await timed(tour, 'query', async () => {
    let start: Item | undefined;
    do {
      const page = await query(tour, {
        limit: COUNTRY_PAGE,
        attributes_to_get: ['place'],
        ...(start === undefined ? {} : { exclusive_start_key: start }),
      });
      keys.push(...page.items.map((item) => textOf(item, 'place')));
      counts.push(page.count);
      start = page.last_evaluated_key;
    } while (start !== undefined);
  });
  tour.report.line(
    `  ${counts.length} pages, ${formatCount(keys.length)} items, the last page with ${counts.at(-1) ?? 0}`,
  );
  tour.report.verify(
    'the pages together are the country, each place once and in key order',
    keys,
    tour.ofCountry.map((place) => place.place),
  );
}

function query(
  tour: Tour,
  options: object,
  conditions: object = {},
): Promise<{ count: number; items: Item[]; last_evaluated_key?: Item }> {
  return tour.api.call('POST', `${tour.path}/query`, ItemsAnswer, queryBody(tour, options, conditions));
}

function queryBody(tour: Tour, options: object, conditions: object = {}): object {
  return { key_conditions: { country: condition('EQ', { S: tour.country }), ...conditions }, ...options };
}

function condition(operator: string, ...values: object[]): object {
  return { comparison_operator: operator, attribute_value_list: values };
}

async function refusalOf(call: Promise<unknown>): Promise<RefusedError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}

async function timed<T>(tour: Tour, name: string, ask: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const answer = await ask();
  tour.report.line(`  ${name}: ${formatMs(performance.now() - startedAt)}`);
  return answer;
}

function showPlaces(tour: Tour, items: readonly Item[]): void {
  if (items.length === 0) {
    tour.report.line('  none');
    return;
  }
  tour.report.table(
    ['name', 'population'],
    items.map((item) => [textOf(item, 'name'), Number(textOf(item, 'population'))]),
  );
}

function nameAndPopulation(item: Item): string {
  return `${textOf(item, 'name')}: ${textOf(item, 'population')}`;
}

function expectedNameAndPopulation(place: Place): string {
  return `${place.name}: ${place.population}`;
}

function mostPopulousOf(places: readonly Place[]): Place {
  return places.reduce((most, place) => (place.population >= most.population ? place : most));
}

/** The country with the most places. */
function busiestCountry(places: readonly Place[]): string {
  return mostFrequent(places.map((place) => place.country));
}

/** The most frequent first word of names that have several, with its blank. */
function commonPrefix(places: readonly Place[]): string {
  const words = places.map((place) => /^\S+ /.exec(place.name)?.[0]).filter((word) => word !== undefined);
  return words.length === 0 ? (places[0]?.name.slice(0, 1) ?? '') : mostFrequent(words);
}

function mostFrequent(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const first = [...counts].sort(([, a], [, b]) => b - a)[0];
  return first?.[0] ?? '';
}
