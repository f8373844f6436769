--- The model of a pool, where the answer can be worked out by hand.
local heap = require "tandem_cli.lab.heap"
local model = require "tandem_cli.lab.model"
local replay = require "tandem_cli.lab.replay"
local runs = require "spec.support.runs"
local sample = require "tandem_cli.lab.sample"
local shares = require "tandem_cli.lab.shares"
local spans = require "tandem_cli.lab.spans"
local system = require "tandem_cli.lab.machine"
local waiting = require "tandem_cli.lab.waiting"

local function work(n, cpu, wait, values)
  local made = { n = n, cpu = {}, wait = {}, submit = 0, handover = 0,
                 callback = 0, tail = 0 }
  for i = 1, n do made.cpu[i], made.wait[i] = cpu, wait end
  for name, value in pairs(values or {}) do made[name] = value end
  return made
end

local function machine(cores, yield)
  return { cores = cores, yield = yield or 1, slice = 0.003 }
end

local function close_to(expected, value, share)
  assert.is_true(math.abs(value / expected - 1) <= (share or 1e-6),
                 ("%s, not %s"):format(value, expected))
end

describe("the heap", function()
  it("gives the least first", function()
    local queue, given = heap.new(), {}
    for _, key in ipairs { 5, 3, 8, 1, 9, 2, 3 } do queue:push(key, key) end
    while queue:least() do given[#given + 1] = queue:pop() end
    assert.same({ 1, 2, 3, 3, 5, 8, 9 }, given)
  end)
end)

describe("the model", function()
  it("lets tasks that wait overlap on any number of workers", function()
    for workers, wall in pairs { [1] = 6.4, [8] = 0.8, [64] = 0.1 } do
      local found = model.run(work(64, 0, 0.1), workers, machine(2))
      close_to(wall, found.wall)
      close_to(64 / wall, found.throughput)
    end
  end)

  it("gives tasks that compute no more than the cores", function()
    for workers, wall in pairs { [1] = 0.64, [2] = 0.32, [8] = 0.32 } do
      close_to(wall, model.run(work(64, 0.01, 0), workers, machine(2)).wall,
               0.01)
    end
  end)

  it("adds up computing and waiting of a single worker", function()
    close_to(3, model.run(work(10, 0.1, 0.2), 1, machine(4)).wall)
  end)

  it("keeps cores busy where enough mixed tasks wait", function()
    -- Each computes for a quarter of its time: 8 workers fill 2 cores.
    local found = model.run(work(400, 0.005, 0.015), 16, machine(2))
    close_to(400 * 0.005 / 2, found.wall, 0.05)
  end)

  it("takes items as they are submitted", function()
    close_to(1, model.run(work(10, 0, 0.1, { submit = 0.1 }), 8,
                          machine(1)).wall)
  end)

  it("counts the way to the worker for each item", function()
    close_to(1.1, model.run(work(10, 0, 0.1, { handover = 0.01 }), 1,
                            machine(1)).wall)
  end)

  it("has fewer cores to give where others use them", function()
    local half = model.run(work(64, 0.01, 0), 2, machine(2, 0.5))
    close_to(0.64, half.wall, 0.01)
    -- One worker has a core all the same.
    close_to(0.64, model.run(work(64, 0.01, 0), 1, machine(2, 0.5)).wall)
  end)

  it("knows both laws of callbacks", function()
    -- Equal tasks end together and their callbacks queue up: T + 4 C.
    close_to(1.4, model.run(work(4, 0, 1, { callback = 0.1 }), 4,
                            machine(1)).wall)
    -- Tasks that end apart leave gaps for them: longest + C.
    local apart = work(4, 0, 0, { callback = 0.1, wait = { 1, 2, 3, 4 } })
    close_to(4.1, model.run(apart, 4, machine(1)).wall)
  end)
end)

describe("a run as work", function()
  it("has the task's own waiting where cores are idle", function()
    local run = runs.even { workers = 4, n = 40, run = 0.1, cpu = 0.001 }
    local made = replay.work(run, 2)
    close_to(0.099, made.wait[1])
    close_to(0.001, made.cpu[1])
    assert.equal(1, replay.yield(run, made, 2))
  end)

  it("has none that the serial sample does not show", function()
    local run = runs.even { workers = 8, n = 80, run = 0.04, cpu = 0.01,
                            serial_each = 0.01 }
    assert.equal(0, replay.work(run, 2).wait[1])
    close_to(0.8, model.run(replay.work(run, 2), 1, machine(2)).wall)
  end)

  it("has no more than another run of the same work shows", function()
    local wide = runs.even { workers = 8, n = 80, run = 0.04, cpu = 0.01 }
    local one = runs.even { workers = 1, n = 80, run = 0.015, cpu = 0.01 }
    close_to(0.005, replay.work(wide, 2, { one, wide }).wait[1])
  end)

  it("tells what part of the cores it got", function()
    -- Two workers of 10 ms each took 20 ms: half of what two cores do.
    local run = runs.even { workers = 2, n = 100, run = 0.02, cpu = 0.01,
                            serial_each = 0.01 }
    close_to(0.5, replay.yield(run, replay.work(run, 2), 2), 0.02)
  end)

  it("computes on one core under one lock", function()
    assert.equal(1, replay.machine("one_lock", 8, 1).cores)
    assert.equal(8, replay.machine("thread", 8, 1).cores)
  end)

  it("of very many items is one in so many of them", function()
    local run = runs.even { workers = 4, n = 20001, run = 0.001, cpu = 0 }
    local made = replay.work(run, 2)
    assert.equal(10001, made.n)
    local found = model.run(made, 8, machine(2))
    close_to(20001 / 8000, found.wall, 0.01)
    close_to(8000, found.throughput, 0.01)
  end)

  it("does not take a serial pool's tasks for time of submitting", function()
    local list = {}
    for i = 1, 10 do list[i] = { 0, i - 1, i, 1, i - 1 } end
    local run = runs.of(list, { kind = "serial", serial_each = 1 })
    assert.equal(0, replay.work(run, 2).submit)
  end)
end)

describe("the parts of the workers' time", function()
  it("add up to the whole", function()
    local run = runs.of({
      { 1, 0.5, 2, 1 }, { 1, 2.5, 4, 0.5 }, { 2, 0.5, 1.5, 0 },
    }, { workers = 2, wall = 4 })
    local parts = shares.workers(run, 2)
    close_to(8, parts.total)
    close_to(1.5, parts.computing)
    close_to(1.5, parts.handover)
    close_to(8, parts.computing + parts.waiting + parts.crowding
      + parts.handover + parts.idle)
    close_to(2.5, parts.idle)
  end)

  it("tell waiting for a core from waiting of the task's own", function()
    local run = runs.even { workers = 8, n = 80, run = 0.05, cpu = 0.01,
                            serial_each = 0.02 }
    local list = spans.of(run)
    close_to(0.25, waiting.own_share(run, list, 2))
    local parts = shares.workers(run, 2)
    close_to(0.8, parts.waiting)
    close_to(2.4, parts.crowding)
  end)

  it("are not misled by a sample that waited for a core", function()
    local run = runs.even { workers = 8, n = 80, run = 0.05, cpu = 0.001,
                            serial_each = 0.03 }
    local list = spans.of(run)
    close_to(1, waiting.own_share(run, list, 2))
    run.serial_lost = 0.029
    assert.is_true(waiting.own_share(run, list, 2) < 1e-6)
    run.serial_lost = 0.0192
    close_to(0.2, waiting.own_share(run, list, 2))
  end)
end)

describe("the serial sample", function()
  local waited_for_core = system.waited_for_core

  after_each(function() system.waited_for_core = waited_for_core end)

  -- Of a task that sleeps, where the system tells one thing and then another.
  local function taken(...)
    local told, at = table.pack(...), 0
    system.waited_for_core = function()
      at = at + 1
      return told[at]
    end
    local run = runs.even { workers = 1, n = 4, run = 0.001, cpu = 0 }
    return sample.take({}, run, "tandem:sleep", function() return 0.001 end)
  end

  it("leaves out what it waited for a core", function()
    local found = taken(3, 3 + 60)
    assert.equal(60 / 4, found.lost)
    assert.equal(1, found.cpu_share)
  end)

  it("does without where the system does not tell", function()
    local found = taken(nil)
    assert.equal(0, found.lost)
    assert.is_true(found.each > 0 and found.cpu_share < 1)
  end)

  it("asks the system for a time that grows", function()
    local before = waited_for_core()
    assert.is_true(before == nil or waited_for_core() >= before)
  end)
end)
