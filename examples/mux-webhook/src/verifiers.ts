// verifiers.ts: two ways to ask whether Mux has signed a webhook.
import type Mux from '@mux/mux-node';
import { queryAs, type Database } from './database.js';

// True if one of the secrets has signed the raw body. Each endpoint has its
// own, and while one is rotated there are two.
export type Verify = (body: string, header: string | undefined) => Promise<boolean>;

export function sdkVerifier(mux: Mux, secrets: string[]): Verify {
	return async (body, header) =>
		secrets.some((secret) => {
			try {
				mux.webhooks.verifySignature(body, { 'mux-signature': header }, secret);
				return true;
			} catch {
				return false;
			}
		});
}

export function databaseVerifier(database: Database, secrets: string[]): Verify {
	return async (body, header) => {
		const { verdict } = await queryAs<{ verdict: string }>(
			database,
			'service_role',
			null,
			'SELECT mux_verify_signature($1, $2, $3) AS verdict',
			[body, header, secrets],
		);

		return verdict === 'ok';
	};
}
