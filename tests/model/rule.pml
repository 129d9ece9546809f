/*
 * The rotation rule itself: rows, tokens, R1 to R6 and what each leaves behind,
 * with the faults that can be seeded into them. Part of rotation.pml, which
 * sets KEYED to LIMIT and builds the world around it.
 */
#define GENS	(MAXTOK + 3)	/* generations there can be */

/* A token is a byte. */
#define T(gen, branch)	((gen) * 16 + (branch))
#define GEN(t)		((t) / 16)
#define BRANCH(t)	((t) % 16)

typedef Row {
	byte g, b, p, floor;
	bool dead, fresh;
	byte ring[GENS]		/* retry key remembered for a generation, or 0 */
};

Row row;		/* what the store holds */
Row next;		/* scratch: the row after a decision */
byte line, i, j;	/* scratch: which of R1 to R6; 0: the session is dead */

inline copy(to, from) {
	to.g = from.g; to.b = from.b; to.p = from.p; to.floor = from.floor;
	to.dead = from.dead; to.fresh = from.fresh;
	for (i : 0 .. GENS - 1) { to.ring[i] = from.ring[i] }
	i = 0
}

/* Scratch variables must not tell states apart. */
inline scrub() {
	next.g = 0; next.b = 0; next.p = 0; next.floor = 0;
	next.dead = 0; next.fresh = 0;
	for (i : 0 .. GENS - 1) { next.ring[i] = 0 }
	i = 0; j = 0; line = 0
}

/* Seeded faults, by their names in model.sh. */
#ifdef NO_R1
#define CURRENT(r, n, tb)	0
#endif
#ifdef SIBLING		/* a child that R3 replaced is still taken */
#define CURRENT(r, n, tb)	(n == r.g && tb <= r.b)
#define CHILD_BRANCH(r, n, tb)	(n == r.g -> r.b : tb)
#define CHILD_PARENT(r, tb)	next.b
#endif
#ifdef R1_PARENT
#define CHILD_PARENT(r, tb)	r.p
#endif
#ifdef R1_KEY
#define KEEP1(k)		0
#endif
#ifdef NO_R2
#define R2(r, n, tb, k)		0
#endif
#ifdef R2_BRANCH
#define PARENT(r, n, tb)	(n + 1 == r.g)
#endif
#ifdef R2_KEY
#define REPEATED(r, n, k)	0
#endif
#ifdef R2_UNKEYED
#define UNKEYED(r, n)		1
#endif
#ifdef R2_KEYED		/* the leeway is for all requests */
#define BARE(k)			1
#endif
#ifdef R2_NEVER
#define INTIME(r)		0
#endif
#ifdef R2_ALWAYS
#define INTIME(r)		1
#endif
#ifdef NO_R3
#define R3(r, n, tb)		0
#endif
#ifdef R3_BRANCH
#define TRIPWIRE(r)		r.b
#endif
#ifdef R3_KEY
#define KEEP3(k)		0
#endif
#ifdef R4_KEY
#define LATECOPY(r, n, k)	0
#endif
#ifdef R4_WINDOW
#define SPARED(r, n)		0
#endif
#ifdef NO_R5
#define AHEAD(r, n, tb)		0
#endif
#ifdef R5_BRANCH
#define AHEAD(r, n, tb)		(n > r.g)
#endif
#ifdef R5_MARK
#define FORWARDED(r, n)		r.floor
#endif
#ifdef R5_KEY
#define KEEP5(k)		0
#endif
#ifdef R6_DEAD
#define DEAD			0
#endif
#ifdef NO_M
#define M_CHECKED		0
#endif
#ifdef NO_S
#define S_CHECKED		0
#endif
#ifdef NO_SWAP
#define SWAPS(was)		1
#endif
#ifdef CLIENT_STORES
#define MINE(t)			1
#endif
#ifdef CLIENT_KEY
#define PERSISTED		0
#endif

/* The rule as it is. */
#ifndef CURRENT
#define CURRENT(r, n, tb)	(n == r.g && tb == r.b)
#endif
#ifndef PARENT
#define PARENT(r, n, tb)	(n + 1 == r.g && tb == r.p)
#endif
#ifndef AHEAD
#define AHEAD(r, n, tb)		(n > r.g || (n == r.g && tb > r.b))
#endif
#define KNOWN(r, n, k)		(k != 0 && r.ring[n] == k)
#ifndef REPEATED
#define REPEATED(r, n, k)	KNOWN(r, n, k)
#endif
#ifndef UNKEYED		/* nothing is remembered for n */
#define UNKEYED(r, n)		(r.ring[n] == 0)
#endif
#ifndef BARE		/* the request carries no key */
#define BARE(k)			(k == 0)
#endif
#ifndef INTIME
#define INTIME(r)		(LEEWAY && r.fresh)
#endif
#ifndef R2
#define R2(r, n, tb, k)		(!STRICT && PARENT(r, n, tb) && \
	(REPEATED(r, n, k) || (BARE(k) && UNKEYED(r, n) && INTIME(r))))
#endif
#ifndef R3
#define R3(r, n, tb)		(!STRICT && PARENT(r, n, tb))
#endif
#ifndef LATECOPY
#define LATECOPY(r, n, k)	(n < r.g && KNOWN(r, n, k))
#endif
#ifndef SPARED
#define SPARED(r, n)		(n < r.floor)
#endif
#ifndef CHILD_BRANCH
#define CHILD_BRANCH(r, n, tb)	tb
#endif
#ifndef CHILD_PARENT
#define CHILD_PARENT(r, tb)	tb
#endif
#ifndef TRIPWIRE	/* the old child is one from now on */
#define TRIPWIRE(r)		(r.b + 1)
#endif
#ifndef FORWARDED
#define FORWARDED(r, n)		n
#endif
#ifndef DEAD
#define DEAD			1
#endif
#ifndef KEEP1		/* the retry key to remember */
#define KEEP1(k)		k
#endif
#ifndef KEEP3
#define KEEP3(k)		k
#endif
#ifndef KEEP5
#define KEEP5(k)		k
#endif
/* Before the rule, and around it. */
#ifndef M_CHECKED
#define M_CHECKED		1
#endif
#ifndef S_CHECKED
#define S_CHECKED		1
#endif
#ifndef SWAPS		/* the store's update is conditional */
#define SWAPS(was)		(!row.dead && row.g == was.g && row.b == was.b)
#endif
#ifndef MINE		/* a reply is stored iff it answers our token */
#define MINE(t)			(tok == t)
#endif
#ifndef PERSISTED	/* the retry key is, before it is sent */
#define PERSISTED		1
#endif

#define SERVED	(line == 1 || line == 2 || line == 3 || line == 5)
#define WRITES	(SERVED && line != 2)

/* Entries of n and later go, k (if any) comes, the newest RING stay. */
inline remember(n, k) {
	for (i : 0 .. GENS - 1) {
		if
		:: i >= n -> next.ring[i] = 0
		:: else
		fi
	}
	next.ring[n] = k;
	j = 0;
	for (i : 0 .. GENS - 1) {
		if
		:: next.ring[GENS - 1 - i] != 0 ->
			j++;
			if
			:: j > RING -> next.ring[GENS - 1 - i] = 0
			:: else
			fi
		:: else
		fi
	}
	i = 0; j = 0
}

/* The pure function: row r, token (n, tb), key k -> line and next row. The
 * first line that matches decides. A served client gets T(next.g, next.b). */
inline decide(r, n, tb, k) {
	copy(next, r);
	line = (r.dead -> 0 :
	    (CURRENT(r, n, tb) -> 1 :
	    (R2(r, n, tb, k) -> 2 :
	    (R3(r, n, tb) -> 3 :
	    ((LATECOPY(r, n, k) || SPARED(r, n)) -> 4 :
	    (AHEAD(r, n, tb) -> 5 : 6))))));
	if
	:: line == 1 || line == 5 ->
		next.b = CHILD_BRANCH(r, n, tb); next.p = CHILD_PARENT(r, tb);
		next.g = n + 1; next.fresh = 1;
		if
		:: line == 5 -> next.floor = FORWARDED(r, n);
			remember(n, KEEP5(k))
		:: else -> remember(n, KEEP1(k))
		fi
	:: line == 3 ->
		next.b = TRIPWIRE(r); next.fresh = 1;
		remember(n, KEEP3(k))
	:: line == 6 -> next.dead = DEAD
	:: else
	fi
#ifdef TRACE
	dump(r, n, tb, k, STRICT, LEEWAY)
#endif
}

/* One transition of the rule, for spin/compare.c. */
inline dump_row(r) {
	printf("%d %d %d %d %d %d", r.g, r.b, r.p, r.floor, r.dead, r.fresh);
	for (i : 0 .. GENS - 1) { printf(" %d", r.ring[i]) }
	i = 0
}

inline dump(r, n, tb, k, strict, leeway) {
	printf("\nRULE %d %d %d | ", GENS, strict, leeway);
	dump_row(r);
	printf(" | %d %d %d | %d | ", n, tb, k, line);
	dump_row(next);
	printf("\n")
}
