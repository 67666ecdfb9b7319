// A certified OpenID Connect provider for the tests, on a free port of this machine. It prints its issuer, signs in
// whomever the test names without a page, and changes its keys when told.
import http from 'node:http';
import { webcrypto as crypto } from 'node:crypto';
import Provider from 'oidc-provider';

const audience = 'urn:notebook-cloud';
let keys = await newKeys();
let redirects = ['http://127.0.0.1/oidc'];
let person = 'ada';
let provider;

async function newKeys() {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const key = await crypto.subtle.exportKey('jwk', pair.privateKey);
  delete key.key_ops;
  delete key.ext;
  return [{ ...key, kid: crypto.randomUUID(), use: 'sig', alg: 'RS256' }];
}

function make(issuer) {
  return new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['only-for-tests'] },
    clients: [
      {
        client_id: 'cloud',
        client_secret: 'cloud-secret',
        redirect_uris: redirects,
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
      {
        client_id: 'native',
        client_secret: 'native-secret',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
      },
    ],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: id[0].toUpperCase() + id.slice(1),
        email: `${id}@example.org`,
        email_verified: id !== 'mallory',
      }),
    }),
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/test/interaction/${interaction.uid}` },
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'api',
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
}

const server = http.createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer);
  if (pathname.startsWith('/test/interaction/')) {
    await provider.interactionFinished(request, response, { login: { accountId: person } });
    return;
  }
  if (request.method === 'POST' && pathname === '/test/tell') {
    if (searchParams.has('redirect')) redirects = [searchParams.get('redirect')];
    if (searchParams.has('person')) person = searchParams.get('person');
    if (searchParams.has('rotate')) keys = await newKeys();
    provider = make(issuer);
    response.end('told');
    return;
  }
  provider.callback()(request, response);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
provider = make(issuer);
console.log(issuer);
// The test holds the other end of standard input; with the test the provider ends.
process.stdin.on('end', () => process.exit(0)).resume();
