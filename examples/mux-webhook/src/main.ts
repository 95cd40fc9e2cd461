// main.ts: starts the server with what the environment says.
import Mux from '@mux/mux-node';
import { openDatabase } from './database.js';
import { makeServer } from './server.js';
import { databaseVerifier, sdkVerifier } from './verifiers.js';

// The first four are read by the SDK itself, which would ask only at the first request.
const needed = ['MUX_TOKEN_ID', 'MUX_TOKEN_SECRET', 'MUX_SIGNING_KEY', 'MUX_PRIVATE_KEY',
	'MUX_WEBHOOK_SECRET', 'SUPABASE_JWT_SECRET', 'APP_ORIGIN'];
const missing = needed.filter((name) => !process.env[name]);

if (missing.length > 0) {
	console.error(`set ${missing.join(', ')}: see README.md`);
	process.exit(1);
}

const { MUX_WEBHOOK_SECRET, SUPABASE_JWT_SECRET, APP_ORIGIN } = process.env as Record<string, string>;

const mux = new Mux({ timeout: 10_000 });
const database = openDatabase();
const secrets = MUX_WEBHOOK_SECRET!.split(',');
const verifiers = { sdk: () => sdkVerifier(mux, secrets), database: () => databaseVerifier(database, secrets) };
const verifier = process.env.WEBHOOK_VERIFIER || 'sdk';

if (secrets.includes('')) {
	console.error('an empty secret in MUX_WEBHOOK_SECRET would let everybody in');
	process.exit(1);
}
if (verifier !== 'sdk' && verifier !== 'database') {
	console.error('set WEBHOOK_VERIFIER to sdk or database');
	process.exit(1);
}

const server = makeServer({
	database,
	mux,
	verify: verifiers[verifier](),
	jwtSecret: SUPABASE_JWT_SECRET!,
	appOrigin: APP_ORIGIN!,
});

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST || '127.0.0.1', () => {
	const address = server.address();

	console.log(`listening on port ${typeof address === 'object' ? address?.port : address}`);
});

// What has begun is answered first.
for (const signal of ['SIGINT', 'SIGTERM']) {
	process.once(signal, () => {
		server.close(() => void database.end());
		server.closeIdleConnections();
	});
}
