import net from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import type { Pipeline } from '../../../magnetodb/pipeline/loader.js';
import { compose, fakeService, removeFolders, serve, type Served } from '../pipeline/serve.js';

describe('magnetodb:versions', () => {
  let pipeline: Pipeline;
  let served: Served;

  beforeEach(async () => {
    const service = fakeService({ bind: { host: '::1', port: 8480 } });
    pipeline = await compose(
      '[pipeline:main]\npipeline = proxy versions\n[app:versions]\nuse = magnetodb:versions\n' +
        '[filter:proxy]\nuse = magnetodb:http_proxy_to_wsgi\nenable_proxy_headers_parsing = true\n',
      service,
    );
    served = await serve((req, res) => {
      pipeline.handle(req, res);
    });
  });
  afterEach(async () => {
    await served.close();
    await pipeline.close();
    await removeFolders();
  });

  const v1 = (href: string): object => ({ id: 'v1.0', status: 'CURRENT', links: [{ rel: 'self', href }] });

  // keystoneauth's discovery looks for `versions`, and in each for id, status and the self link.
  it('lists all versions at /', async () => {
    const answer = await served.request('/', { headers: { Host: 'kv.example.org:8480' } });
    expect(answer.status).to.equal(200);
    expect(answer.headers['content-type']).to.equal('application/json; charset=UTF-8');
    expect(answer.body).to.deep.equal({ versions: [v1('http://kv.example.org:8480/v1/')] });
  });

  for (const path of ['/v1', '/v1/', '/v1?x=1']) {
    // … and for `version` where it asks for one.
    it(`describes one version at ${path}`, async () => {
      const answer = await served.request(path, { headers: { Host: 'kv.example.org' } });
      expect(answer.body).to.deep.equal({ version: v1('http://kv.example.org/v1/') });
    });
  }

  // Links must lead the client back through its proxy; the scheme's own port is left out (data API, 1.3).
  it('makes links as the client sees the service', async () => {
    const headers = {
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'kv.example.org:443',
      'X-Forwarded-Prefix': '/kv/',
    };
    const answer = await served.request('/v1', { headers });
    expect(answer.body).to.deep.equal({ version: v1('https://kv.example.org/kv/v1/') });
  });

  // HTTP/1.0 has no Host; a Host may be nonsense. Neither may end in a link.
  it('names where it listens for a request without a usable Host', async () => {
    for (const head of ['GET / HTTP/1.0', 'GET / HTTP/1.0\r\nHost: evil"><x']) {
      const socket = net.connect(served.port, '127.0.0.1');
      socket.end(`${head}\r\n\r\n`);
      let text = '';
      socket.on('data', (piece: Buffer) => (text += piece.toString()));
      await once(socket, 'close');
      expect(text).to.contain('"href":"http://[::1]:8480/v1/"');
    }
  });

  it('answers HEAD as GET, without the body', async () => {
    const get = await served.request('/');
    const head = await served.request('/', { method: 'HEAD' });
    expect(head).to.deep.include({ status: 200, text: '' });
    expect(head.headers['content-length']).to.equal(get.headers['content-length']);
  });

  // RFC 9110, 15.5.6: a 405 says what is allowed.
  it('refuses other methods with 405 and Allow', async () => {
    for (const [method, path] of [
      ['PUT', '/'],
      ['OPTIONS', '/'],
      ['POST', '/v1'],
      ['DELETE', '/v1/'],
    ] as const) {
      const answer = await served.request(path, { method });
      expect(answer.status, `${method} ${path}`).to.equal(405);
      expect(answer.headers.allow).to.equal('GET, HEAD');
      expect(answer.body).to.have.nested.property('error.type', 'MethodNotAllowed');
    }
  });

  // Decision: POST / stays free for the DynamoDB API.
  it('does not know POST / and other paths', async () => {
    for (const [method, path] of [
      ['POST', '/'],
      ['GET', '/v2'],
      ['GET', '/v1/x'],
      ['GET', '/v1x'],
      ['GET', '//'],
    ] as const) {
      const answer = await served.request(path, { method });
      expect(answer.status, `${method} ${path}`).to.equal(404);
      expect(answer.body).to.have.nested.property('error.type', 'NotFound');
    }
  });
});
