"""The same benchmarks on CPython's ThreadPoolExecutor.

    python3 counterpart.py NAME [SETTING ...]

prints the figures of one sample as a JSON list. Pools are warm where tandem's
are; starting the interpreter is never timed.
"""

import functools
import gc
import json
import operator
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

now = time.perf_counter


def nothing():
    pass


def square(x):
    return x * x


def spin(iterations):
    total = 0.0
    for i in range(iterations):
        total += i % 7 * 0.5
    return total


def warm_pool(workers):
    """A pool whose threads have all been started."""
    pool = ThreadPoolExecutor(workers)
    barrier = threading.Barrier(workers)
    for future in [pool.submit(barrier.wait) for _ in range(workers)]:
        future.result()
    return pool


def cpus():
    return len(os.sched_getaffinity(0))


def laps(rounds, before):
    with warm_pool(cpus()) as pool:
        times = []
        for _ in range(rounds):
            before()
            start = now()
            pool.submit(nothing).result()
            times.append((now() - start) * 1e6)
    return [statistics.median(times), statistics.quantiles(times, n=10)[-1]]


def latency():
    return laps(3000, nothing)


def idle_latency():
    return laps(150, lambda: time.sleep(0.001))


def throughput():
    count = 20_000
    with warm_pool(cpus()) as pool:
        start = now()
        futures = [pool.submit(nothing) for _ in range(count)]
        for future in futures:
            future.result()
        return [count / (now() - start)]


def map_():
    count = 20_000
    with warm_pool(cpus()) as pool:
        start = now()
        results = list(pool.map(square, range(1, count + 1)))
        taken = now() - start
    assert results[-1] == count * count
    return [taken * 1e9 / count]


def reduce():
    count = 20_000
    with warm_pool(2) as pool:
        start = now()
        functools.reduce(operator.add, pool.map(square, range(1, count + 1)))
        return [(now() - start) * 1e9 / count]


def calibrate():
    """Iterations of spin in a microsecond."""
    best = 0.0
    for _ in range(10):
        start = now()
        spin(20_000)
        best = max(best, 20_000 / ((now() - start) * 1e6))
    return best


def cpu(microseconds, count):
    count = min(count, 10_000)
    iterations = max(1, round(calibrate() * microseconds))
    with warm_pool(cpus()) as pool:
        start = now()
        for _ in range(count):
            spin(iterations)
        serial = now() - start
        start = now()
        futures = [pool.submit(spin, iterations) for _ in range(count)]
        for future in futures:
            future.result()
        return [serial / (now() - start)]


def sleep(threads, each):
    with warm_pool(threads) as pool:
        start = now()
        futures = [pool.submit(time.sleep, 0.010) for _ in range(threads * each)]
        for future in futures:
            future.result()
        return [100 * 0.010 * each / (now() - start)]


def memory(*names):
    """The sum of these fields of this process, in KiB."""
    with open("/proc/self/smaps_rollup") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line[:20])
    return sum(int(fields[name].split()[0]) for name in names)


def private():
    gc.collect()
    return memory("Private_Clean", "Private_Dirty")


def workers(count):
    gate = threading.Event()

    def hold():
        started = now()
        gate.wait()
        return started

    before = private()
    start = now()
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(hold) for _ in range(count)]
        time.sleep(0.05)
        gate.set()
        last = max(future.result() for future in futures)
        used = private() - before
    return [(last - start) * 1e6 / count, used / count]


def futures(count):
    with warm_pool(cpus()) as pool:
        held = [None] * count
        for _ in range(2000):
            pool.submit(nothing).result()
        gc.collect()
        before = memory("Rss")
        for i in range(count):
            held[i] = pool.submit(nothing)
            if i % 1000 == 999:
                held[i].result()
        held[-1].result()
        gc.collect()
        return [(memory("Rss") - before) * 1024 / count]


BENCHMARKS = {
    "latency": latency, "idle_latency": idle_latency, "throughput": throughput,
    "map": map_, "reduce": reduce, "cpu": cpu, "sleep": sleep,
    "workers": workers, "futures": futures,
}

if __name__ == "__main__":
    name, *settings = sys.argv[1:]
    print(json.dumps(BENCHMARKS[name](*map(int, settings))))
