/*
 * The rotation rule, "confirm by use" (authtok-rotation(7)), and the world
 * around it: tabs of an honest client, the wire, the server, time, power cuts
 * and a thief. The rule is in rule.pml. model.sh picks scenario, policy and
 * faults with -D, and says what spin is to find.
 *
 * What is abstracted:
 *  - time is one bit a row: `fresh`, less than the leeway has passed since
 *    its last rotation. `floor` is the forwarded generation while R4 spares
 *    the tokens before it, which lasts until no request is under way;
 *  - M and S are either good or not. Nobody makes a good one but the server;
 *  - at most MAXTOK rotations and replacements, one theft, one rollback.
 */

/* ---- policy and client -------------------------------------------------- */
#ifdef DUMP		/* variables there */
#define STRICT strict
#define LEEWAY leeway
#endif
#ifndef KEYED		/* the client sends retry keys */
#define KEYED 0
#endif
#ifndef LEEWAY		/* there is one */
#define LEEWAY 1
#endif
#ifndef STRICT		/* without R2 and R3 */
#define STRICT 0
#endif
#ifndef STOCK		/* keeps its first refresh token for ever */
#define STOCK 0
#endif

/* ---- scenario ----------------------------------------------------------- */
#ifndef TABS
#define TABS 1
#endif
#ifndef LOSE		/* requests and replies get lost; processes are killed */
#define LOSE 0
#endif
#ifndef SLOW		/* the leeway may pass while messages are under way */
#define SLOW 0
#endif
#ifndef LATE		/* ... and newer tokens be stored and used */
#define LATE 0
#endif
#ifndef SPACED		/* after the theft all are slower than the leeway */
#define SPACED 1
#endif
#ifndef KEYSTOLEN	/* the thief has the retry key under way, too */
#define KEYSTOLEN 0
#endif
#ifndef SPARE		/* R4 spares tokens until no request is under way */
#define SPARE 1
#endif
#ifndef KEEPS		/* the thief may present a token again and again */
#define KEEPS 1
#endif
#ifndef RING		/* retry keys remembered */
#define RING 8
#endif
#ifndef MAXTOK
#define MAXTOK 7
#endif
#ifndef GOAL		/* so many new tokens to each: both go on */
#define GOAL 3
#endif
#ifndef LIMIT		/* which duplicates arrive, see ARRIVES; 0: all */
#define LIMIT 0
#endif
/* also: THIEF, FORGER, ROLLBACK (1: the last commit is lost; 2: any number of
 * them), WORKERS (one loads, decides and swaps while others do so, too) */

#define NONE	255
#define THIEFKEY 99

#include "rule.pml"

#ifdef DUMP
/* ---- no world: every row and token within bounds ------------------------ */
#ifndef DEEP			/* all of a row, few generations */
#define LEAST_G	0
#define MOST_G	3
#define MOST_B	2
#define KEYS	2
#else				/* the retry memory overflows */
#define LEAST_G	8
#define MOST_G	10
#define MOST_B	0
#define KEYS	1
#endif
byte n, tb, k, kept;
bool strict, leeway;

init {
	select (n : LEAST_G .. MOST_G);
	row.g = n;
	select (n : 0 .. MOST_B);
	row.b = n;
	select (n : 0 .. row.b);
	row.p = n;
	do
	:: k < row.g ->
		select (n : 0 .. KEYS);
		kept = kept + (n != 0);
		kept <= RING;
		row.ring[k] = n;
		k++
	:: else -> break
	od;
	kept = 0;
	if
	:: row.dead = 0
	:: row.g <= 1 -> row.dead = 1	/* nothing else matters */
	fi;
	if
	:: MOST_B > 0 ->
		select (n : 0 .. row.g);
		row.floor = n;
		if
		:: strict = 0
		:: strict = 1
		fi;
		if
		:: leeway = 0
		:: leeway = 1
		fi
	:: else -> leeway = 1
	fi;
	if
	:: row.fresh = 0
	:: row.fresh = 1
	fi;
	select (n : 0 .. MOST_G + 1);
	select (tb : 0 .. MOST_B + 1);
	select (k : 0 .. KEYS);
	d_step {
		decide(row, n, tb, k);
		dump(row, n, tb, k, strict, leeway);
		scrub()
	}
}

#else
/* ---- the honest client: what it has stored, and its tabs ---------------- */
mtype = { idle, request, loaded, reply };
mtype at[TABS] = idle;	/* where a tab's message is */
byte sent[TABS];	/* the token of a request */
byte with[TABS];	/* its retry key, or the token in a reply */
bool orphan[TABS];	/* the process that waited for it was killed */
byte tok;		/* stored: the token ... */
byte pend;		/* ... and the retry key under way, or 0 */
byte nextkey = 1;
#ifdef WORKERS
Row seen[TABS];		/* the row that a worker has loaded */
#endif

byte again;		/* scratch */
bool reuse;		/* R6 has fired: nobody is served any more */

#ifdef ROLLBACK
Row snap;		/* what the store goes back to */
bool snapped, rolled;
#endif

#ifdef THIEF
/* Since the theft: how many different tokens were taken from the victim and
 * from the thief (and the last one, plus one), so that a mere replay counts
 * once. A stock client only replays: there, how often it was served. */
bool stolen;
byte att = NONE, akey;
byte vok, aok, vlast, alast;
#define STOLEN stolen
#else
#define STOLEN 0
#endif

#define ROOM	(row.g + row.b < MAXTOK)
#define QUIET	(STOLEN && SPACED && row.fresh)
#define FREE(t)	(at[t] == idle)
#define UNDER_WAY(t)	(at[t] == request || at[t] == loaded)
#if TABS == 1
#define OTHER	0
#define ALL_IDLE	FREE(0)
#define NO_REQUEST	(!UNDER_WAY(0))
#else
#define OTHER	(1 - _pid)
#define ALL_IDLE	(FREE(0) && FREE(1))
#define NO_REQUEST	(!UNDER_WAY(0) && !UNDER_WAY(1))
#endif

/* Newer tokens are sent only when nothing old is under way, but if LATE. */
#define MAY_SEND (ROOM && nextkey <= MAXTOK && \
	(LATE || FREE(OTHER) || sent[OTHER] == tok))

/* Duplicates that do not arrive are lost. 1: those at most one rotation late
 * do; 2: those at most RING rotations late. */
#define ARRIVES(t) (LIMIT == 0 || t == tok || \
	row.g <= GEN(t) + (LIMIT == 1 -> 1 : RING))

inline tell(t) {
	if
	:: SERVED -> printf("T%d.%d -> T%d.%d by R%d\n", GEN(t), BRANCH(t),
		next.g, next.b, line)
	:: line == 4 -> printf("T%d.%d told to read its store again, R4\n",
		GEN(t), BRANCH(t))
	:: line == 6 -> printf("T%d.%d refused, SESSION ENDED by R6\n",
		GEN(t), BRANCH(t))
	:: line == 0 -> printf("T%d.%d refused, session is dead\n",
		GEN(t), BRANCH(t))
	fi
}

/* ---- what is claimed ---------------------------------------------------- */
mtype = {
	signed_out,	/* an honest client was refused, and has nothing better */
	shadowed,	/* thief and victim both went on */
	undead,		/* somebody was served after reuse was seen */
	backwards,	/* a row went back without a rollback */
	garbage,	/* a token without a good M reached the store */
	forged		/* a token that the server never made did something */
};

inline must(ok, or) {
	if
	:: !(ok) -> printf("VIOLATED: %e\n", or); assert(false)
	:: else
	fi
}

/* A revocation is durable, and so is what was before it. */
inline no_way_back() {
#ifdef ROLLBACK
	snap.g = 0; snap.b = 0; snap.p = 0; snap.floor = 0;
	snap.dead = 0; snap.fresh = 0;
	for (i : 0 .. GENS - 1) { snap.ring[i] = 0 }
	snapped = 0; rolled = 1;
#endif
	i = 0
}

/* next becomes the row. */
inline commit() {
#ifdef ROLLBACK
	if
	:: ROLLBACK == 1 && WRITES -> copy(snap, row); snapped = 1
	:: line == 6 -> no_way_back()
	:: else
	fi;
#endif
	must(!WRITES || next.g > row.g ||
	    (next.g == row.g && next.b >= row.b), backwards);
	copy(row, next);
	must(!reuse || !SERVED, undead);
	must(line != 6 || row.dead, undead);
	reuse = reuse || line == 6
}

inline forget(me) {
	at[me] = idle; sent[me] = 0; with[me] = 0; orphan[me] = 0
}

inline goes_on(ok, last, t) {
	if
	:: STOCK || t + 1 > last ->
		ok = (ok < GOAL -> ok + 1 : GOAL); last = t + 1
	:: else
	fi;
	must(vok < GOAL || aok < GOAL, shadowed)
}

/* The decision for a tab's request: what is the client told? */
inline answer(me) {
	if
	:: SERVED && !orphan[me] ->
		at[me] = reply; with[me] = T(next.g, next.b)
	:: else
	fi;
#ifdef THIEF
	if
	:: SERVED && stolen -> goes_on(vok, vlast, sent[me])
	:: else
	fi;
#else
	/* 409 says: read your store again. What is there must be good. */
	if
	:: !SERVED ->
		again = (KEYED && !pend -> nextkey : pend);
		decide(row, GEN(tok), BRANCH(tok), again);
		again = 0;
		must(SERVED, signed_out)
	:: else
	fi;
#endif
	if
	:: at[me] != reply -> forget(me)
	:: else
	fi;
	scrub()
}

active [TABS] proctype tab() {
	do
	:: d_step { FREE(_pid) && MAY_SEND ->
		if
		:: KEYED && pend == 0 -> pend = nextkey; nextkey++
		:: else
		fi;
		at[_pid] = request; sent[_pid] = tok; with[_pid] = pend;
		printf("tab %d: sends T%d.%d, retry key %d\n", _pid, GEN(tok),
		    BRANCH(tok), pend)
	}
#ifndef WORKERS
	:: d_step { at[_pid] == request && ARRIVES(sent[_pid]) && !QUIET ->
		decide(row, GEN(sent[_pid]), BRANCH(sent[_pid]), with[_pid]);
		printf("tab %d: ", _pid); tell(sent[_pid]);
		commit();
		answer(_pid)
	}
#else
	:: d_step { at[_pid] == request && ARRIVES(sent[_pid]) && !QUIET ->
		copy(seen[_pid], row); at[_pid] = loaded
	}
	/* R2 writes nothing: it may still be answered from a row that was
	 * loaded just before the session ended, as if it had come first */
	:: d_step { at[_pid] == loaded ->
		decide(seen[_pid], GEN(sent[_pid]), BRANCH(sent[_pid]),
		    with[_pid]);
		if
		:: WRITES && !SWAPS(seen[_pid]) ->
			at[_pid] = request;	/* lost: load and decide again */
			scrub()
		:: else ->
			printf("tab %d: ", _pid); tell(sent[_pid]);
			if
			:: WRITES -> commit()
			:: line == 6 -> row.dead = DEAD; reuse = 1;
				must(row.dead, undead);
				no_way_back()
			:: else
			fi;
			answer(_pid)
		fi;
		copy(seen[_pid], next)
	}
#endif
	:: d_step { at[_pid] == reply ->
		if
		:: STOCK -> printf("tab %d: keeps its first token\n", _pid);
			pend = 0
		:: !STOCK && MINE(sent[_pid]) ->
			printf("tab %d: stores T%d.%d\n", _pid,
			    GEN(with[_pid]), BRANCH(with[_pid]));
			tok = with[_pid]; pend = 0
		:: else -> printf("tab %d: ignores a reply to T%d.%d\n", _pid,
			GEN(sent[_pid]), BRANCH(sent[_pid]))
		fi;
		forget(_pid)
	}
	od
}

/* Time, the wire, and power. */
active proctype nature() {
	byte t;
	do
	:: d_step { row.fresh && (SLOW || ALL_IDLE) ->
		row.fresh = 0;
#ifdef ROLLBACK
		snap.fresh = 0;
#endif
		printf("the leeway passes\n")
	}
	:: d_step { row.floor && (NO_REQUEST || !SPARE) ->
		row.floor = 0;
#ifdef ROLLBACK
		snap.floor = 0;
#endif
		printf("the time after the roll forward passes\n")
	}
#if LOSE
	:: d_step { !FREE(0) ->
		printf("a message of tab 0 is lost\n"); forget(0)
	}
#if TABS > 1
	:: d_step { !FREE(1) ->
		printf("a message of tab 1 is lost\n"); forget(1)
	}
#endif
	:: d_step { !ALL_IDLE ->
		printf("CLIENT KILLED\n");
		pend = (PERSISTED -> pend : 0);
		for (t : 0 .. TABS - 1) {
			if
			:: at[t] == reply -> forget(t)
			:: UNDER_WAY(t) -> orphan[t] = 1
			:: else
			fi
		}
		t = 0
	}
	:: d_step { !NO_REQUEST ->
		printf("SERVER KILLED\n");
		for (t : 0 .. TABS - 1) {
			if
			:: UNDER_WAY(t) -> forget(t)
			:: else
			fi
		}
		t = 0
	}
#endif
#ifdef ROLLBACK
#if ROLLBACK == 2
	:: d_step { !snapped && !rolled ->
		copy(snap, row); snapped = 1; printf("a backup is made\n")
	}
#endif
	:: d_step { snapped && !rolled ->
		printf("THE STORE IS SET BACK from %d.%d to %d.%d\n", row.g,
		    row.b, snap.g, snap.b);
		copy(row, snap);
		scrub(); copy(snap, next); snapped = 0; rolled = 1
	}
#endif
	od
}

#ifdef THIEF
/* keep: it will present the same token again, and ask for another answer */
inline present(key, keep) {
	decide(row, GEN(att), BRANCH(att), key);
	printf("THIEF: retry key %d: ", key); tell(att);
	commit();
	if
	:: SERVED ->
		goes_on(aok, alast, att);
		/* with a stock client's token it does as that does */
		att = (STOCK || keep -> att : T(next.g, next.b));
		akey = (keep -> akey : THIEFKEY)
	:: else -> att = NONE
	fi;
	scrub()
}

active proctype thief() {
	d_step {
		att = tok; stolen = 1;
		akey = (KEYSTOLEN && pend -> pend : THIEFKEY);
		printf("THIEF: copies T%d.%d\n", GEN(att), BRANCH(att))
	}
	do
	:: d_step { att != NONE && ROOM && !QUIET -> present(akey, 0) }
	:: d_step { att != NONE && ROOM && !QUIET -> present(0, 0) }
#if KEEPS
	:: d_step { att != NONE && ROOM && !QUIET -> present(akey, 1) }
	:: d_step { att != NONE && ROOM && !QUIET -> present(0, 1) }
#endif
	od
}
#endif

#ifdef FORGER
/* Tokens of this session that the server never made. With FORGER 2 by one who
 * has the key: M is good, and S, which needs the row, is not. */
active proctype forger() {
	byte n, tb;
	do
	:: select (n : 0 .. 3);
		select (tb : 0 .. 2);
		d_step { ROOM ->
			if
			:: FORGER < 2 && M_CHECKED -> line = 0
			:: else ->
				must(FORGER == 2, garbage);
				if
				:: S_CHECKED -> line = 0
				:: else ->
					decide(row, n, tb, THIEFKEY);
					printf("FORGER: ");
					tell(T(n, tb));
					commit()
				fi
			fi;
			must(line == 0, forged);
			n = 0; tb = 0;
			scrub()
		}
	od
}
#endif
#endif
