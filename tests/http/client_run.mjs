/* Run examples/client.mjs: client_run.mjs CLIENT BASE NAME PASSWORD COUNT [TRIES] */
import { pathToFileURL } from 'node:url';

const [path, base, name, password, count, tries] = process.argv.slice(2);
const { Client } = await import(pathToFileURL(path));

/* A store in memory: one process, so each update is one step. */
let state = null;
const store = { update: async (change) => { state = change(state); return state; } };

/* a network this bad wants more tries than the usual ones */
const client = new Client(base, store, 1, tries ? Number(tries) : 40);
for (;;) {
	try {
		await client.signIn(name, password);
		break;
	} catch (error) {
		if (error.name !== 'TypeError' && error.name !== 'SyntaxError')
			throw error; /* an answer, not a lost one */
	}
}
let newest = 0;
for (let n = 0; n < Number(count); n++) {
	const before = state.refreshToken;
	/* three callers at once share one refresh */
	try {
		await Promise.all([client.refresh(), client.refresh(), client.refresh()]);
	} catch (error) {
		console.error(`${error.message}; ${state?.retryKey ? 'kept' : 'lost'}`);
		process.exit(1);
	}
	if (state.refreshToken === before)
		throw new Error('not refreshed');
	newest++;
}
console.log(`${newest} refreshes`);
