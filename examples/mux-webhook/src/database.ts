// database.ts: transactions in the rights of a role.
import pg from 'pg';

export type Role = 'authenticated' | 'service_role';
export type Database = pg.Pool;

// Connects as PGUSER and the like say. That role should be NOINHERIT and a
// member of both roles: without SET ROLE it may do nothing.
export function openDatabase(): Database {
	const database = new pg.Pool({ max: 10, connectionTimeoutMillis: 2_000, query_timeout: 4_000 });

	// Without these a connection that is lost, at work or idle, would end the process.
	database.on('connect', (client) =>
		client.on('error', (error) => console.error(`connection lost: ${errorCode(error)}`)));
	database.on('error', () => {});
	return database;
}

// What the database says of a query, as opposed to what kept us from asking.
export class QueryError extends Error {
	readonly code: string;

	constructor(error: pg.DatabaseError) {
		super(error.message);
		this.code = error.code ?? '';
	}
}

// Answers a query's only row, in a transaction of ROLE. SET LOCAL, and not SET:
// the role and the claims end with the transaction, before the next request
// gets the connection.
export async function queryAs<Row extends pg.QueryResultRow>(
	database: Database,
	role: Role,
	claims: object | null,
	sql: string,
	values: unknown[],
): Promise<Row> {
	const client = await database.connect();

	try {
		await client.query(`BEGIN; SET LOCAL ROLE ${role}; SET LOCAL statement_timeout = '3s'`);
		if (claims) await client.query("SELECT set_config('request.jwt.claims', $1, true)", [JSON.stringify(claims)]);
		const { rows } = await client.query<Row>(sql, values).catch((error) => {
			throw error instanceof pg.DatabaseError ? new QueryError(error) : error;
		});

		await client.query('COMMIT');
		client.release();
		return rows[0]!;
	} catch (error) {
		// Only a connection that has rolled back serves others.
		const rolledBack =
			error instanceof QueryError && (await client.query('ROLLBACK').then(() => true, () => false));

		client.release(!rolledBack);
		throw error;
	}
}

// The SQLSTATE, or the system's code, of what went wrong; never its message,
// which may quote what was sent.
export function errorCode(error: unknown): string {
	const { code, name } = error as { code?: unknown; name?: unknown };

	return String(code ?? name ?? 'unknown');
}
