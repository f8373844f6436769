"""The same benchmarks on CPython's pools.

    python3 counterpart.py thread|executor|pool NAME [SETTING ...]

prints the figures of one sample as a JSON list: of ThreadPoolExecutor, of
ProcessPoolExecutor, of multiprocessing.Pool, the latter two with fork. Pools
are warm where tandem's are; starting the interpreter is never timed.
"""

import functools
import gc
import json
import multiprocessing
import multiprocessing.pool
import operator
import os
import signal
import statistics
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

now = time.perf_counter
FORK = multiprocessing.get_context("fork")


class MultiprocessingPool(multiprocessing.pool.Pool):
    """With the methods of an executor."""

    def __init__(self, workers, **options):
        super().__init__(workers, context=FORK, **options)

    def submit(self, function, *args):
        return self.apply_async(function, args)

    def map(self, function, items, chunksize=None):
        return super().map(function, items, chunksize)

    def shutdown(self):
        self.close()
        self.join()

    def __exit__(self, *_):
        self.shutdown()


multiprocessing.pool.ApplyResult.result = multiprocessing.pool.ApplyResult.get

POOLS = {
    "thread": ThreadPoolExecutor,
    "executor": functools.partial(ProcessPoolExecutor, mp_context=FORK),
    "pool": MultiprocessingPool,
}
KIND = sys.argv[1]
new_pool = POOLS[KIND]

# Processes get the gate by being forked.
gate = threading.Event() if KIND == "thread" else FORK.Event()


def few(count):
    """Tasks for a sample: less where each takes longer."""
    return count if KIND == "thread" else count // 4


def nothing():
    pass


def echo(value):
    return value


def square(x):
    return x * x


def spin(iterations):
    total = 0.0
    for i in range(iterations):
        total += i % 7 * 0.5
    return total


def hold():
    started = now()
    gate.wait()
    return started


def warm(pool, workers):
    """Starts all workers."""
    nap = 0.01 + workers * 1e-4
    for future in [pool.submit(time.sleep, nap) for _ in range(workers)]:
        future.result()
    return pool


def warm_pool(workers, **options):
    return warm(new_pool(workers, **options), workers)


def cpus():
    return len(os.sched_getaffinity(0))


def in_pool(pool, count, function, *args):
    """Seconds until all of so many calls are done."""
    start = now()
    futures = [pool.submit(function, *args) for _ in range(count)]
    for future in futures:
        future.result()
    return now() - start


def summary(times):
    return [statistics.median(times), statistics.quantiles(times, n=10)[-1]]


def laps(rounds, before):
    with warm_pool(cpus()) as pool:
        times = []
        for _ in range(rounds):
            before()
            start = now()
            pool.submit(nothing).result()
            times.append((now() - start) * 1e6)
    return summary(times)


def latency():
    return laps(few(2000), nothing)


def idle_latency():
    return laps(150, lambda: time.sleep(0.001))


def throughput():
    count = few(10_000)
    with warm_pool(cpus()) as pool:
        return [count / in_pool(pool, count, nothing)]


def map_(chunk):
    """By default CPython's Pool finds a size for the chunks."""
    count = few(10_000) if chunk == 1 else 100_000
    items = range(1, count + 1)
    with warm_pool(cpus()) as pool:
        start = now()
        loop = [square(x) for x in items]
        serial = now() - start
        start = now()
        results = list(pool.map(square, items, chunksize=chunk or None))
        taken = now() - start
    assert results == loop
    return [taken * 1e9 / count, taken / serial]


def reduce():
    count = 10_000 if KIND == "thread" else 100_000
    items = range(1, count + 1)
    with warm_pool(2) as pool:
        start = now()
        loop = functools.reduce(operator.add, map(square, items))
        serial = now() - start
        start = now()
        results = pool.map(square, items, chunksize=256)
        total = functools.reduce(operator.add, results)
        taken = now() - start
    assert total == loop
    return [taken * 1e9 / count, taken / serial]


def calibrate():
    """Iterations of spin in a microsecond."""
    best = 0.0
    for _ in range(10):
        start = now()
        spin(20_000)
        best = max(best, 20_000 / ((now() - start) * 1e6))
    return best


def iterations(microseconds):
    return round(calibrate() * microseconds)


def cpu(microseconds, count):
    count = min(count, few(6_000))
    work = max(1, iterations(microseconds))
    with warm_pool(cpus()) as pool:
        start = now()
        for _ in range(count):
            spin(work)
        serial = now() - start
        return [serial / in_pool(pool, count, spin, work)]


def sleep(workers, each):
    with warm_pool(workers) as pool:
        taken = in_pool(pool, workers * each, time.sleep, 0.010)
    return [100 * 0.010 * each / taken]


def echoed(rounds, value):
    """Seconds that a value takes out and back."""
    with warm_pool(cpus()) as pool:
        assert pool.submit(echo, value).result() == value
        start = now()
        for _ in range(rounds):
            pool.submit(echo, value).result()
        return (now() - start) / rounds


def string(rounds):
    mib = 16
    return [2 * mib / 1024 / echoed(rounds, b"tandem\n\0" * (mib * 131_072))]


def table(rounds):
    count = 100_000
    rate = count / echoed(rounds, [i * 977 for i in range(1, count + 1)])
    return [rate, 2 * rate]


def cold(rounds):
    times = []
    for _ in range(rounds):
        start = now()
        with new_pool(cpus()) as pool:
            pool.submit(nothing).result()
            times.append((now() - start) * 1e3)
    return summary(times)


def recycled(microseconds, count):
    """Throughput with short-lived workers, in percent of that without. Only
    Pool has them where workers are forked."""
    count = few(count)
    work = iterations(microseconds)
    with warm_pool(cpus()) as lasting, \
            warm_pool(cpus(), maxtasksperchild=100) as short_lived:
        without = in_pool(lasting, count, spin, work)
        return [100 * without / in_pool(short_lived, count, spin, work)]


def death(rounds):
    """Only ProcessPoolExecutor ever hears of it, and is then of no more use."""
    times = []
    for _ in range(rounds):
        with warm_pool(1) as pool:
            future = pool.submit(time.sleep, 60)
            time.sleep(0.01)
            start = now()
            os.kill(next(iter(pool._processes)), signal.SIGKILL)
            try:
                future.result()
            except BrokenProcessPool:
                times.append((now() - start) * 1e3)
    return [statistics.median(times), max(times)]


def memory(*names, pid="self"):
    """The sum of these fields of a process, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line[:20])
    return sum(int(fields[name].split()[0]) for name in names)


def private(pid="self"):
    return memory("Private_Clean", "Private_Dirty", pid=pid)


def worker_pids(pool):
    if KIND == "pool":
        return [process.pid for process in pool._pool]
    return list(pool._processes)


def memory_of_one(pool, before, count):
    if KIND != "thread":
        return statistics.median(map(private, worker_pids(pool)))
    gc.collect()
    return (private() - before) / count


def workers(count):
    gc.collect()
    before = private()
    start = now()
    with new_pool(count) as pool:
        futures = [pool.submit(hold) for _ in range(count)]
        time.sleep(0.05 if KIND == "thread" else 0.5)
        used = memory_of_one(pool, before, count)
        gate.set()
        last = max(future.result() for future in futures)
    return [(last - start) * 1e6 / count, used]


def futures(count):
    count = few(count)
    with warm_pool(cpus()) as pool:
        held = [None] * count
        for _ in range(2000):
            pool.submit(nothing).result()
        gc.collect()
        before = memory("Pss")
        for i in range(count):
            held[i] = pool.submit(nothing)
            if i % 1000 == 999:
                held[i].result()
        held[-1].result()
        gc.collect()
        return [(memory("Pss") - before) * 1024 / count]


BENCHMARKS = {
    "latency": latency, "idle_latency": idle_latency, "throughput": throughput,
    "map": map_, "reduce": reduce, "cpu": cpu, "sleep": sleep,
    "string": string, "table": table, "cold": cold, "recycled": recycled,
    "death": death, "workers": workers, "futures": futures,
}

if __name__ == "__main__":
    name, *settings = sys.argv[2:]
    print(json.dumps(BENCHMARKS[name](*map(int, settings))))
