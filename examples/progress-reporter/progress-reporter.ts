// progress-reporter.ts: reports to content_library what a learner watches of a video. No dependencies.

// A <video>, an <audio>, or a <mux-player>, which has what was played in its media.
export type Player = EventTarget & Pick<HTMLMediaElement, 'currentTime' | 'duration' | 'paused'> & {
	readonly played?: TimeRanges;
	readonly media?: { readonly played: TimeRanges } | null;
};

// What the server answers: the row of content_progress, and whether this report completed the course.
export type Progress = {
	lesson_id: string; watched_pct: number; position_seconds: number | null; completed: boolean; course_completed: boolean;
};

// Why the server refused a report. The code is the SQLSTATE.
export type Refusal = { code: string; message: string; details: string | null; hint: string | null };

export type Options = {
	url: string; // of the API, as https://PROJECT.supabase.co/rest/v1
	headers: Record<string, string>; // { apikey }; 'content-profile' where the library is in another schema
	accessToken: () => string | Promise<string>; // the learner's JWT, asked for before each request
	user_id: string; // the learner: another one on the same device does not send what is kept
	lesson_id: string;
	interval?: number; // milliseconds from one report to the next: 10,000
	storage?: Pick<Storage, 'length' | 'key' | 'getItem' | 'setItem' | 'removeItem'>; // localStorage
	onprogress?: (row: Progress) => void;
	onstop?: (why: Refusal) => void; // refused, so nothing more is reported
};

type Ranges = [start: number, end: number][];
type Report = { lesson_id: string; played: Ranges; position_seconds: number; watched_at?: string };
// A report in the storage. The percentage is what it comes to once the server has credited all of it.
type Kept = { key: string; text: string; report: Report; percent: number | null };

// Both lists as one, in order and without overlaps.
function union(a: Ranges, b: Ranges): Ranges {
	const all: Ranges = [];

	for (const [start, end] of [...a, ...b].sort((x, y) => x[0] - y[0])) {
		const last = all.at(-1);

		if (last && start <= last[1]) last[1] = Math.max(last[1], end);
		else all.push([start, end]);
	}
	return all;
}

export class ProgressReporter {
	#player: Player;
	#options: Options;
	#storage: NonNullable<Options['storage']>;
	#prefix: string;
	#key: string;
	#interval: number;
	#played: Ranges;
	#late: boolean; // what is kept could not be sent when it was made
	#reported?: { at: number; position: number };
	#busy = false;
	#failures = 0;
	#notBefore = 0;
	#timer?: ReturnType<typeof setTimeout>;
	#token?: string;
	#stopped = new AbortController();

	constructor(player: Player, options: Options) {
		this.#player = player;
		this.#options = options;
		this.#storage = options.storage ?? localStorage;
		this.#prefix = `content_library/${options.user_id}/`;
		this.#key = this.#prefix + options.lesson_id;
		this.#interval = options.interval ?? 10_000;

		const kept = this.#kept();
		this.#played = kept.find(({ key }) => key === this.#key)?.report.played ?? [];
		this.#late = kept.length > 0;

		const on = (target: EventTarget, types: string[], listener: () => void) =>
			types.forEach((type) => target.addEventListener(type, listener, { signal: this.#stopped.signal }));
		on(player, ['play', 'pause', 'ended'], () => this.#report());
		on(player, ['timeupdate'], () => this.#tick());
		on(window, ['online'], () => void this.#send(true));
		on(window, ['pagehide'], () => this.#leave());
		on(document, ['visibilitychange'], () => document.visibilityState === 'hidden' && this.#leave());
		if (player.paused) void this.#send();
		else this.#report();
	}

	// Call it before the player gets another lesson or leaves the page.
	stop(): void {
		if (!this.#stopped.signal.aborted) this.#leave();
		this.#end();
	}

	#end(): void {
		this.#stopped.abort();
		clearTimeout(this.#timer);
	}

	// A player forgets what was played when it loads another source, so it is asked all the time.
	#look(): void {
		const played = this.#player.played ?? this.#player.media?.played;

		if (played) this.#played = union(this.#played, Array.from({ length: played.length }, (_, n) => [played.start(n), played.end(n)]));
	}

	#tick(): void {
		this.#look();
		if (!this.#player.paused && Date.now() - (this.#reported?.at ?? 0) >= this.#interval) this.#report();
	}

	// A lesson's last report says all that was played. It is kept until the server has credited it.
	#report(leaving = false): void {
		const report: Report = {
			lesson_id: this.#options.lesson_id,
			played: (this.#look(), this.#played),
			position_seconds: this.#player.currentTime,
			watched_at: new Date().toISOString(),
		};
		const seconds = this.#played.reduce((sum, [start, end]) => sum + end - start, 0);

		this.#keep(this.#key, report, Math.floor(100 * seconds / this.#player.duration));
		this.#reported = { at: Date.now(), position: report.position_seconds };
		void (leaving ? this.#deliver(true) : this.#send());
	}

	// A page that goes away cannot wait until another request is done, or for a token.
	#leave(): void {
		if (this.#reported && this.#reported.position !== this.#player.currentTime) this.#report(true);
	}

	#keep(key: string, report: Report, percent: number | null): void {
		this.#storage.setItem(key, JSON.stringify({ report, percent }));
	}

	#kept(): Kept[] {
		return Array.from({ length: this.#storage.length }, (_, n) => this.#storage.key(n)!)
			.filter((key) => key.startsWith(this.#prefix))
			.map((key) => ({ key, text: this.#storage.getItem(key)! })).map((kept) => ({ ...kept, ...JSON.parse(kept.text) }));
	}

	// One request after the other, until nothing is kept or the last one must be tried again later.
	async #send(now = false): Promise<void> {
		if (this.#busy || (Date.now() < this.#notBefore && !now)) return;
		this.#busy = true;
		try {
			while (!this.#stopped.signal.aborted && this.#kept().length && await this.#deliver());
		} finally {
			this.#busy = false;
		}
	}

	// One request with all that is kept, or with this lesson's report alone. Answers whether to go on.
	async #deliver(leaving = false, alone = false): Promise<boolean> {
		const kept = this.#kept().filter(({ key }) => !alone || key === this.#key);
		if (!kept.length) return false;

		const reports = kept.map(({ report }) => report);
		const batch = this.#late || kept.some(({ key }) => key !== this.#key);
		const { watched_at, ...report } = reports[0]!;
		let answer: Response;
		let body: unknown;

		try {
			if (!leaving || !this.#token) this.#token = await this.#options.accessToken();
			answer = await (batch ? this.#post('record_progress_batch', { reports, skip_refused: true })
				: this.#post('record_progress', report));
			body = await answer.json();
		} catch {
			return this.#later();
		}
		// Another try may help: the token has expired, there are too many requests, the server is down.
		if ([401, 408, 429].includes(answer.status) || answer.status >= 500) return this.#later();
		this.#failures = this.#notBefore = 0;
		return answer.ok ? this.#recorded([body].flat() as Progress[], kept) : this.#refused(body as Refusal, batch, kept);
	}

	#post(name: string, args: object): Promise<Response> {
		const body = JSON.stringify(args);

		return fetch(`${this.#options.url}/rpc/${name}`, {
			method: 'POST',
			headers: { ...this.#options.headers, authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
			body,
			keepalive: body.length < 60_000, // browsers refuse more than 64 kB
			signal: AbortSignal.timeout(30_000),
		});
	}

	// What the server's clock has held back is sent again as time passes. A batch leaves out what
	// is refused: this lesson's report is then sent alone, which says why.
	async #recorded(rows: Progress[], kept: Kept[]): Promise<boolean> {
		let [held, unheard] = [false, false];

		this.#late = false;
		for (const { key, text, report, percent } of kept) {
			const row = rows.find(({ lesson_id }) => lesson_id === report.lesson_id);

			if (!row && key === this.#key) unheard = true;
			// The server's duration may differ a little from the player's.
			else if (row && percent && !row.completed && row.watched_pct < percent - 1) held = true;
			else if (this.#storage.getItem(key) === text) this.#storage.removeItem(key);
		}
		rows.forEach((row) => this.#options.onprogress?.(row));
		if (held) this.#wake(6 * this.#interval);
		if (unheard) return this.#deliver(false, true);
		return this.#kept().some(({ text }) => !kept.some((sent) => sent.text === text));
	}

	// The same report would be refused again. Another lesson's is dropped; after this lesson's nothing more is sent.
	#refused(why: Refusal, batch: boolean, kept: Kept[]): boolean {
		const number = batch ? /^reports\[(\d+)\]/.exec(why.message)?.[1] : 0;
		const refused = number === undefined ? undefined : kept[Number(number)];

		// This device's clock may be ahead. A report without its time counts as of now.
		if (batch && refused?.report.watched_at && why.code === '22023') {
			this.#keep(refused.key, { ...refused.report, watched_at: undefined }, refused.percent);
			return true;
		}
		if (refused) this.#storage.removeItem(refused.key);
		if (refused && refused.key !== this.#key) return true;
		if (this.#stopped.signal.aborted) return false;
		this.#end();
		this.#options.onstop?.(why);
		return false;
	}

	// Half a second to a second after the first failure, then twice as long each time, a minute at most.
	#later(): boolean {
		const wait = Math.min(2 ** this.#failures++ / 10, 6) * this.#interval * (1 + Math.random()) / 2;

		this.#late = true;
		this.#notBefore = Date.now() + wait;
		this.#wake(wait);
		return false;
	}

	#wake(wait: number): void {
		clearTimeout(this.#timer);
		if (!this.#stopped.signal.aborted) this.#timer = setTimeout(() => void this.#send(true), wait);
	}
}
