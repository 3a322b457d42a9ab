// The identity provider of script/test-identity: oidc-provider (OpenID certified), over https, with two officers and a login that
// needs no password. Prints one line, `ready`, once it answers.
//
//   node provider.js PORT CERTIFICATE.pem KEY.pem LOGOUT_URI
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The packages lie outside the checkout (NODE_PATH is not looked at by `import`).
const require = createRequire(`${process.env.BEATCHECK_PACKAGES}/package.json`);
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const [port, certificate, key, logout] = process.argv.slice(2);
const issuer = `https://localhost:${port}`;
const client = (client_id) => ({
  client_id,
  token_endpoint_auth_method: 'none',
  redirect_uris: ['https://app.test/callback'],
  post_logout_redirect_uris: ['https://app.test/bye'],
  response_types: ['code'],
  grant_types: ['authorization_code'],
});
const made = (kind, options) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), use: 'sig' });
const provider = new Provider(issuer, {
  jwks: {
    keys: [
      made('rsa', { modulusLength: 2048 }),
      made('ec', { namedCurve: 'P-256' }),
      made('ed25519', {}),
    ],
  },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
  clients: [
    { ...client('beatcheck'), backchannel_logout_uri: logout, backchannel_logout_session_required: true },
    client('another'),
    ...['PS256', 'ES256', 'EdDSA'].map((alg) => ({ ...client(`beatcheck-${alg}`), id_token_signed_response_alg: alg })),
  ],
  pkce: { required: () => true },
  features: {
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    devInteractions: { enabled: true },
  },
  // The provider refuses to call addresses of its own machine, where the hub of the test is.
  fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
  claims: { openid: ['sub', 'officer'] },
  conformIdTokenClaims: false,
  async findAccount(_context, sub) {
    return { accountId: sub, claims: async () => ({ sub, officer: sub.replace('account-', '') }) };
  },
  cookies: { keys: ['for tests only'] },
});
provider.on('backchannel.error', (_context, error) => process.stderr.write(`logout: ${error.message} ${error.cause ?? ''}\n`));
provider.on('server_error', (_context, error) => process.stderr.write(`provider: ${error.message}\n`));
const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, provider.callback());
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
