// jsonwebtoken: one line "NAME VERIFY ISSUE", in ns of CPU. Arguments: token,
// key, and the folder whose node_modules has it.
let jwt, version;
try {
	const from = require("module").createRequire(process.argv[4] + "/");
	jwt = from("jsonwebtoken");
	version = from("jsonwebtoken/package.json").version;
} catch {
	process.exit(3);
}
const token = process.argv[2];
// Made once: a key given as text is tried as PEM each time, which costs 20
// times the rest.
const key = require("crypto").createSecretKey(Buffer.from(process.argv[3]));

function verify() {
	jwt.verify(token, key, {
		algorithms: ["HS256"], issuer: "authd", audience: "api",
	});
}

function issue() {
	const now = Math.floor(Date.now() / 1000);
	jwt.sign({
		iss: "authd", aud: "api", sub: "1001", id: 1001,
		sid: "30313233343536373839616263646566", epoch: 0,
		roles: ["user"], iat: now, exp: now + 3600,
	}, key, { algorithm: "HS256", keyid: "k1" });
}

function measure(work, count = 5000) {
	const turns = [];
	for (let turn = 0; turn < 7; turn++) {
		const began = process.cpuUsage();
		for (let i = 0; i < count; i++)
			work();
		const { user, system } = process.cpuUsage(began);
		turns.push((user + system) * 1000 / count);
	}
	return turns.sort((a, b) => a - b)[3].toFixed(0);
}

measure(verify);
console.log(`jsonwebtoken-${version} ${measure(verify)} ${measure(issue)}`);
