"""PyJWT: one line "NAME VERIFY ISSUE", in ns of CPU. Arguments: token, key."""
import sys
import time

try:
    import jwt
except ImportError:
    sys.exit(3)

token, key = sys.argv[1], sys.argv[2].encode()


def verify():
    jwt.decode(token, key, algorithms=["HS256"], issuer="authd", audience="api")


def issue():
    now = int(time.time())
    jwt.encode({"iss": "authd", "aud": "api", "sub": "1001", "id": 1001,
                "sid": "30313233343536373839616263646566", "epoch": 0,
                "roles": ["user"], "iat": now, "exp": now + 3600},
               key, algorithm="HS256", headers={"kid": "k1"})


def measure(work, count=2000):
    turns = []
    for _ in range(7):
        began = time.process_time_ns()
        for _ in range(count):
            work()
        turns.append((time.process_time_ns() - began) / count)
    return sorted(turns)[3]


print(f"PyJWT-{jwt.__version__} {measure(verify):.0f} {measure(issue):.0f}")
