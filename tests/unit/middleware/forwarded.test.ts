import { expect } from 'chai';
import {
  firstOf,
  parseAddress,
  parseHost,
  parsePort,
  parseScheme,
} from '../../../magnetodb/middleware/forwarded.js';

describe('what proxies say', () => {
  // It ends up in links: nothing but http and https may.
  it('is a scheme only if it is http or https', () => {
    expect(parseScheme('HTTPS')).to.equal('https');
    for (const raw of [undefined, '', 'javascript', 'https:', 'ftp', ' http']) {
      expect(parseScheme(raw)).to.equal(undefined);
    }
  });

  it('is a host only with characters that a host has', () => {
    expect(parseHost('kv.example.org')).to.deep.equal({ host: 'kv.example.org', port: undefined });
    expect(parseHost('kv:8480')).to.deep.equal({ host: 'kv', port: 8480 });
    expect(parseHost('[2001:db8::1]:443')).to.deep.equal({ host: '[2001:db8::1]', port: 443 });
    for (const raw of [
      undefined,
      '',
      'a b',
      'a/b',
      'a@b',
      'a"',
      'a:',
      'a:x',
      'a:99999',
      '[::1',
      '[dead]',
      'a,b',
    ]) {
      expect(parseHost(raw), raw).to.equal(undefined);
    }
  });

  it('is a port only from 1 to 65535', () => {
    expect([parsePort('1'), parsePort('65535')]).to.deep.equal([1, 65535]);
    for (const raw of [undefined, '', '0', '65536', '-1', '8o', '1.0'])
      expect(parsePort(raw)).to.equal(undefined);
  });

  // RFC 7239, 6: addresses may have ports, IPv6 stands in brackets, and some hide behind names.
  it('is an address only if it is one', () => {
    expect(parseAddress('192.0.2.1')).to.equal('192.0.2.1');
    expect(parseAddress('192.0.2.1:4711')).to.equal('192.0.2.1');
    expect(parseAddress('2001:db8::1')).to.equal('2001:db8::1');
    expect(parseAddress('[2001:db8::1]:4711')).to.equal('2001:db8::1');
    for (const raw of [undefined, '', 'unknown', '_hidden', '999.1.1.1', '[x]', '1.2.3.4\n']) {
      expect(parseAddress(raw), raw).to.equal(undefined);
    }
  });

  it('counts from the client on: the first of a list', () => {
    expect(firstOf(' a , b')).to.equal('a');
    expect(firstOf(['a,b', 'c'])).to.equal('a');
    expect([firstOf(undefined), firstOf(''), firstOf(' ,b')]).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
