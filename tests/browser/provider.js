// A real OpenID Connect provider, which signs anybody in under the name that they type. In: the page that it is for.
// Out: its issuer. Members of the group `ops` are anna alone.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.env.TOOLS, 'package.json'));

export const CLIENT = 'page';

// Takes a port, so that the page's settings can name the issuer before the provider knows the page.
export async function listen() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  return {
    issuer,
    // A public client: it has no secret, and PKCE in its place.
    serve: async (page) => {
      const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
      const provider = new Provider(issuer, {
        clients: [
          {
            client_id: CLIENT,
            token_endpoint_auth_method: 'none',
            redirect_uris: [`${page}/sign-in/openid/back`],
            post_logout_redirect_uris: [`${page}/`],
          },
        ],
        claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
        // As Cognito and others do it: what was asked for is in the token.
        conformIdTokenClaims: false,
        findAccount: (_, id) => ({
          accountId: id,
          claims: () => ({
            sub: id,
            email: `${id}@example.org`,
            email_verified: true,
            groups: id === 'anna' ? ['ops'] : ['guests'],
          }),
        }),
      });
      server.on('request', provider.callback());
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
