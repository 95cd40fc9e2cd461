// types.ts: prints what src/database.types.ts should be.
import { generateTypes, makeDatabase } from './world.js';

const database = 'supabase_types';
const { admin } = await makeDatabase(database);

await admin.end();
process.stdout.write(await generateTypes(database));
