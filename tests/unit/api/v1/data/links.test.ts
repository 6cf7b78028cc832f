import { expect } from 'chai';
import { tableUrl, tablesUrl } from '../../../../../magnetodb/api/v1/data/links.js';
import type { ProjectRequest } from '../../../../../magnetodb/api/v1/data/operation.js';
import { RequestContext } from '../../../../../magnetodb/pipeline/request-context.js';

interface Asked {
  readonly host?: string;
  readonly encrypted?: boolean;
  readonly context?: Partial<RequestContext>;
}

const BIND = { host: '127.0.0.1', port: 8480 };

function url({ host, encrypted = false, context = {} }: Asked, bind = BIND): string {
  const req = {
    headers: { host },
    socket: { encrypted },
    params: { project: 'p1' },
    context: Object.assign(new RequestContext(), { scriptName: '/v1/data', ...context }),
  };
  return tablesUrl(req as unknown as ProjectRequest, bind);
}

describe('tablesUrl', () => {
  // Data API 1.3: scheme, Host, full path; the client's catalogue URL.
  it('is made from the Host header', () => {
    expect(url({ host: 'kv.example.org:8480' })).to.equal('http://kv.example.org:8480/v1/data/p1/tables');
    expect(url({ host: '[2001:db8::1]:8480' })).to.equal('http://[2001:db8::1]:8480/v1/data/p1/tables');
    expect(url({ host: 'kv', encrypted: true })).to.equal('https://kv/v1/data/p1/tables');
  });

  // The scheme's own port is dropped, another's isn't; an address's last group is no port.
  it('leaves out the default port', () => {
    expect(url({ host: 'kv:80' })).to.equal('http://kv/v1/data/p1/tables');
    expect(url({ host: 'kv:443', encrypted: true })).to.equal('https://kv/v1/data/p1/tables');
    expect(url({ host: 'kv:443' })).to.equal('http://kv:443/v1/data/p1/tables');
    expect(url({ host: 'kv:8080' })).to.equal('http://kv:8080/v1/data/p1/tables');
    expect(url({ host: '[::80]' })).to.equal('http://[::80]/v1/data/p1/tables');
  });

  // What a proxy's filter has found out wins.
  it('is made from what filters say', () => {
    const context = { scheme: 'https', host: 'cloud.example.org:443', scriptName: '/kv/v1/data' };
    expect(url({ host: '127.0.0.1:8480', context })).to.equal(
      'https://cloud.example.org/kv/v1/data/p1/tables',
    );
  });

  // HTTP/1.0 needs no Host, and anybody may send a Host that is none.
  it('falls back to the address of the service', () => {
    const own = 'http://127.0.0.1:8480/v1/data/p1/tables';
    for (const host of [undefined, '', 'a b', 'x"y', 'evil/path', 'a@b', 'kv:port']) {
      expect(url(host === undefined ? {} : { host })).to.equal(own);
    }
    expect(url({}, { host: '::1', port: 80 })).to.equal('http://[::1]/v1/data/p1/tables');
  });
});

describe('tableUrl', () => {
  // [T]: catalogue URL, `/tables/`, name.
  it('appends the name', () => {
    const req = {
      headers: { host: 'kv' },
      socket: {},
      params: { project: 'p1' },
      context: Object.assign(new RequestContext(), { scriptName: '/v1/data' }),
    };
    expect(tableUrl(req as unknown as ProjectRequest, BIND, 'a.b-c')).to.equal(
      'http://kv/v1/data/p1/tables/a.b-c',
    );
  });
});
