// main.ts: starts the server with what the environment says.
import Mux from '@mux/mux-node';
import { openDatabase } from './database.js';
import { makeServer } from './server.js';
import { databaseVerifier, sdkVerifier } from './verifiers.js';

function required(name: string): string {
	const value = process.env[name];

	if (!value) {
		console.error(`set ${name}: see README.md`);
		process.exit(1);
	}
	return value;
}

// What the SDK reads by itself is looked at now, not at the first request.
for (const name of ['MUX_TOKEN_ID', 'MUX_TOKEN_SECRET', 'MUX_SIGNING_KEY', 'MUX_PRIVATE_KEY']) required(name);

const mux = new Mux({ timeout: 10_000 });
const database = openDatabase();
const secrets = required('MUX_WEBHOOK_SECRET').split(',');
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
	jwtSecret: required('SUPABASE_JWT_SECRET'),
	appOrigin: required('APP_ORIGIN'),
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
