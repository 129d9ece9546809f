/*
 * A client that no accident signs out, for Node.js 18 or a browser: the client
 * rule of authtok-rotation(7). store is yours: update(change) sets the stored
 * state to change(state) in one step, also against other tabs (in a browser:
 * navigator.locks round localStorage), and resolves to the result. The state is
 * null, or { accessToken, refreshToken, retryKey }.
 */
export class SignedOut extends Error {}

export class Client {
	#base; #store; #pause; #tries; #running = null;

	/* pause: milliseconds before the first retry, doubled up to 5 seconds */
	constructor(base, store, pause = 200, tries = 12) {
		[this.#base, this.#store, this.#pause, this.#tries] = [base, store, pause, tries];
	}

	async signIn(username, password) {
		const reply = await this.#post('signin', { username, password });
		const { accessToken, refreshToken, message } = await reply.json();
		if (!reply.ok) throw new Error(message);
		await this.#store.update(() => ({ accessToken, refreshToken }));
	}

	/* fetch with the access token; an expired one is refreshed once. */
	async fetch(path, options = {}) {
		for (let tries = 0; ; tries++) {
			const state = await this.#store.update((s) => s);
			if (!state) throw new SignedOut('not signed in');
			const headers = { ...options.headers, authorization: `Bearer ${state.accessToken}` };
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
		for (let tries = 0, status; (status = await this.#attempt(sent)) !== null;) {
			const hope = status >= 500 || [0, 200, 403, 408, 429].includes(status);
			if (!hope || ++tries >= this.#tries) /* the pair is kept for another refresh */
				throw new Error(`refresh failed: ${status ? `status ${status}` : 'no answer'}`);
			await new Promise((done) =>
				setTimeout(done, Math.min(this.#pause * 2 ** (tries - 1), 5000)));
		}
	}

	/* Null when it is decided: a newer pair is stored. Else a status, 0 for no answer. */
	async #attempt({ refreshToken, retryKey }) {
		const mine = (s) => s?.refreshToken === refreshToken;
		let status = 0;
		try {
			const reply = await this.#post('refreshtoken', { refreshToken }, retryKey);
			status = reply.status;
			const { accessToken, refreshToken: next } = await reply.json();
			/* compare and set: a late reply changes nothing */
			if (status === 403 || reply.ok && next) await this.#store.update((s) =>
				!mine(s) ? s : reply.ok ? { accessToken, refreshToken: next } : null);
		} catch { /* no reply, or half of one: the same again */ }
		const state = await this.#store.update((s) => s);
		if (!state) throw new SignedOut('the session is over');
		return mine(state) ? status : null;
	}

	#post(route, body, key) {
		const headers = { 'content-type': 'application/json', ...key && { 'authtok-retry-key': key } };
		return fetch(`${this.#base}/api/auth/${route}`, { method: 'POST', headers,
			body: JSON.stringify(body), signal: AbortSignal.timeout(10000) });
	}
}
