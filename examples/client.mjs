/*
 * A client that no accident signs out, for Node.js 18 or a browser: the client
 * rule of authtok-rotation(7). store is yours: update(change) sets the stored
 * state to change(state) in one step, also against other tabs (in a browser:
 * navigator.locks round localStorage), and resolves to the result. The state is
 * null, or { accessToken, refreshToken, retryKey }.
 */
export class SignedOut extends Error {}

export class Client {
	#base; #store; #pause; #running = null;

	/* pause: milliseconds before the first retry, doubled up to 5 seconds */
	constructor(base, store, pause = 200) {
		this.#base = base;
		this.#store = store;
		this.#pause = pause;
	}

	async signIn(username, password) {
		const reply = await this.#post('signin', { username, password });
		const body = await reply.json();
		if (!reply.ok) throw new Error(body.message);
		const { accessToken, refreshToken } = body;
		await this.#store.update(() => ({ accessToken, refreshToken }));
	}

	/* fetch with the access token; an expired one is refreshed once. */
	async fetch(path, options = {}) {
		for (let tries = 0; ; tries++) {
			const state = await this.#store.update((s) => s);
			if (!state) throw new SignedOut('not signed in');
			const headers = { ...options.headers,
				authorization: `Bearer ${state.accessToken}` };
			const reply = await fetch(this.#base + path, { ...options, headers });
			if (reply.status !== 401 || tries > 0) return reply;
			await this.refresh();
		}
	}

	/* Callers that refresh at the same time share one refresh. */
	refresh() {
		return this.#running ??=
			this.#refresh().finally(() => { this.#running = null; });
	}

	async #refresh() {
		/* the pair is stored before it is sent, and kept by every retry */
		const sent = await this.#store.update((s) =>
			s && { ...s, retryKey: s.retryKey ?? crypto.randomUUID() });
		if (!sent) throw new SignedOut('not signed in');
		for (let wait = this.#pause; !await this.#attempt(sent); wait = Math.min(2 * wait, 5000))
			await new Promise((done) => setTimeout(done, wait));
	}

	/* True when it is decided: a newer pair is stored. */
	async #attempt({ refreshToken, retryKey }) {
		const mine = (s) => s?.refreshToken === refreshToken;
		try {
			const reply = await this.#post('refreshtoken', { refreshToken },
				{ 'authtok-retry-key': retryKey });
			const { accessToken, refreshToken: next } = await reply.json();
			if (reply.ok) /* compare and set: a late reply changes nothing */
				await this.#store.update((s) =>
					mine(s) ? { accessToken, refreshToken: next } : s);
			else if (reply.status === 403)
				await this.#store.update((s) => mine(s) ? null : s);
		} catch { /* no reply, or half of one: the same again */ }
		const state = await this.#store.update((s) => s);
		if (!state) throw new SignedOut('the session is over');
		return !mine(state);
	}

	#post(route, body, headers = {}) {
		return fetch(`${this.#base}/api/auth/${route}`, { method: 'POST',
			headers: { 'content-type': 'application/json', ...headers },
			body: JSON.stringify(body), signal: AbortSignal.timeout(10000) });
	}
}
