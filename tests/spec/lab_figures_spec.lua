--- The figures of recorded runs, where the answers are known.
local figures = require "tandem_cli.lab.figures"
local quantile = require "tandem_cli.lab.quantile"
local runs = require "spec.support.runs"
local series = require "tandem_cli.lab.series"
local spans = require "tandem_cli.lab.spans"

local function near(expected, value)
  assert.is_true(math.abs(expected - value) < 1e-9,
                 ("%s, not %s"):format(value, expected))
end

describe("quantiles", function()
  it("are interpolated, and leave the list as it is", function()
    local list = { 3, 1, 2, 4 }
    assert.same({ 1, 2.5, 4 }, { quantile.of(list, 0, 0.5, 1) })
    assert.same({ 3, 1, 2, 4 }, list)
  end)

  it("of one sample are that sample", function()
    assert.same({ mean = 7, p50 = 7, p90 = 7, p99 = 7, max = 7 },
                quantile.summary { 7 })
  end)

  it("of nothing are nothing", function()
    assert.is_nil(quantile.summary {})
  end)
end)

describe("spans", function()
  it("leave out what never ran", function()
    local run = runs.of { { 1, 0, 1, 0.5 }, { 1, nil, nil, nil } }
    assert.equal(1, #spans.of(run))
  end)

  it("never compute for longer than they run", function()
    local run = runs.of { { 1, 0, 1, 1.5 } }
    assert.equal(1, spans.of(run)[1].cpu)
  end)
end)

describe("the figures of a run", function()
  local run = runs.of({
    { 1, 0, 2, 1 }, { 2, 0, 1, 1 }, { 2, 1, 3, 0 }, { 1, 2, 4, 2 },
  }, { workers = 2, serial_each = 2 })
  local found = figures.of(run)

  it("are throughput and speed-up", function()
    near(1, found.throughput)
    near(2, found.speed_up)
  end)

  it("are the share of CPU time in that of the tasks", function()
    near(7, found.busy)
    near(4, found.cpu)
    near(4 / 7, found.cpu_share)
  end)

  it("are how long tasks waited in the queue and ran", function()
    near(0.5, found.wait.p50)
    near(2, found.run.p50)
    near(2, found.wait.max)
  end)

  it("are each worker's part", function()
    assert.same({ { worker = 1, items = 2, share = 1 },
                  { worker = 2, items = 2, share = 0.75 } }, found.use)
  end)

  it("have no speed-up where the serial time is not known", function()
    assert.is_nil(figures.of(runs.of { { 1, 0, 1, 1 } }).speed_up)
  end)

  it("can be had of a run in which nothing ran", function()
    local none = figures.of(runs.of({}, { wall = 0 }))
    assert.same({ 0, 0, nil }, { none.throughput, none.cpu_share, none.run })
  end)
end)

describe("runs that may be compared", function()
  local function run(kind, workers, values)
    local made = runs.even { kind = kind, workers = workers, n = 4, run = 1,
                             cpu = 1 }
    for name, value in pairs(values or {}) do made[name] = value end
    return made
  end

  it("did the same work; of equal ones the latest counts", function()
    local old, new = run("thread", 2), run("thread", 2)
    local other = run("thread", 4, { task = "m:g" })
    local fewer = run("thread", 4, { n = 3 })
    local process, serial = run("process", 1), run("serial", 1)
    local one = run("thread", 1)
    local list = series.latest({ old, other, process, fewer, new, one, serial },
                               new)
    assert.same({ "serial", "thread", "thread", "process" },
                { list[1].kind, list[2].kind, list[3].kind, list[4].kind })
    assert.equal(one, list[2])
    assert.equal(new, list[3])
    assert.equal(4, #list)
  end)

  it("had the same arguments, where those are known", function()
    local a, b = run("thread", 1, { args = { 1, "x" } }),
                 run("thread", 1, { args = { 1, "x" } })
    assert.is_true(series.alike(a, b))
    b.args = { 1, "y" }
    assert.is_false(series.alike(a, b))
  end)
end)
