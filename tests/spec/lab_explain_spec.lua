--- `:explain`: where the time went, and what would help.
local changes = require "tandem_cli.lab.changes"
local explain = require "tandem_cli.lab.explain"
local runs = require "spec.support.runs"
local shares = require "tandem_cli.lab.shares"
local tandem = require "tandem"

local CORES = 2

local function says(text, words)
  assert.is_truthy(text:gsub("%s+", " "):find(words, 1, true),
                   ("%q does not say %q"):format(text, words))
end

local function near(expected, value, share)
  assert.is_true(math.abs(value / expected - 1) < (share or 0.01),
                 ("%s, not %s"):format(value, expected))
end

local function equal_tasks(callbacks)
  local run = runs.even { workers = 4, n = 4, run = 1, cpu = 0 }
  run.callbacks = callbacks
  run.wall = 1 + callbacks
  return run
end

describe("the law of callbacks", function()
  it("is T + n C where tasks end together", function()
    local run = equal_tasks(0.4)
    local found = shares.callbacks(run)
    near(0.1, found.each)
    near(0.4, found.after)
    assert.is_true(found.queued)
    says(explain.law(run), "the law is T + n C")
  end)

  it("is longest + C where they end apart", function()
    local run = runs.of({ { 1, 0, 1, 0 }, { 2, 0, 2, 0 }, { 3, 0, 3, 0 } },
                        { workers = 3, callbacks = 0.3, wall = 3.1 })
    near(0.1, shares.callbacks(run).after)
    says(explain.law(run), "longest + C")
  end)

  it("does not hold where there were none", function()
    assert.is_nil(shares.callbacks(equal_tasks(0)))
    says(explain.law(equal_tasks(0)), "No callback")
  end)
end)

describe("the change that would help most", function()
  it("is more workers for tasks that wait", function()
    local run = runs.even { workers = 2, n = 64, run = 0.1, cpu = 0.001 }
    local best = changes.best(run, CORES)
    says(best.what, "threads instead of 2 threads")
    assert.is_true(best.gain > 6)
    near(run.wall / best.gain, best.wall)
  end)

  it("is threads for a serial pool, as many as cores", function()
    local run = runs.even { kind = "serial", workers = 1, n = 64, run = 0.05,
                            cpu = 0.05, serial_each = 0.05 }
    local best = changes.best(run, CORES)
    says(best.what, "2 threads instead of serial")
    near(2, best.gain, 0.05)
  end)

  it("is to do without the lock where tasks compute under it", function()
    local run = runs.even { kind = "one_lock", workers = 4, n = 64, run = 0.04,
                            cpu = 0.01, serial_each = 0.01 }
    local best = changes.best(run, CORES)
    says(best.what, "without the one lock")
    near(2, best.gain, 0.05)
  end)

  it("is continuations where callbacks queue up", function()
    local best = changes.best(equal_tasks(4), CORES)
    says(best.what, "and_then")
    assert.is_true(best.gain > 1.5)
  end)

  it("is chunks where tasks are tiny beside their submission", function()
    local list = {}
    for i = 1, 1000 do
      local start = i * 1e-5
      list[i] = { 1, start, start + 1e-6, 1e-6, start }
    end
    says(changes.best(runs.of(list), CORES).what, "pool:map")
  end)

  it("is to begin with the longest where that ran on alone", function()
    local list = {}
    for i = 1, 20 do
      list[i] = { (i - 1) % 2 + 1, (i - 1) // 2 * 0.1,
                  (i - 1) // 2 * 0.1 + 0.1, 0.1 }
    end
    list[21] = { 1, 1, 2, 1 }
    local best = changes.best(runs.of(list, { workers = 2 }), CORES)
    says(best.what, "the longest tasks first")
  end)

  it("is none where two cores compute all the time", function()
    local run = runs.even { workers = 2, n = 64, run = 0.05, cpu = 0.05,
                            serial_each = 0.05 }
    local best, more_cores = changes.best(run, CORES)
    assert.is_true(best.gain < 1.1)
    near(run.wall, more_cores)
    says(explain.advice(run, CORES), "No change of the pool")
  end)

  it("names other programs where they had the cores", function()
    local run = runs.even { workers = 2, n = 64, run = 0.1, cpu = 0.05,
                            serial_each = 0.05 }
    says(explain.advice(run, CORES), "Other programs used this machine")
  end)
end)

describe(":explain", function()
  local cpu_count = tandem.cpu_count

  before_each(function() tandem.cpu_count = function() return CORES end end)
  after_each(function() tandem.cpu_count = cpu_count end)

  it("shows the parts, the caller, the law and the advice", function()
    for _, width in ipairs { 80, 40 } do
      local session = runs.session { width = width,
                                     runs = { equal_tasks(0.4) } }
      assert.is_nil(explain.run(session, {}))
      local said = session.said()
      assert.is_true(runs.widest(said) <= width)
      for _, words in ipairs { "computing", "waiting in tasks", "hand-over",
                               "idle", "The caller spent", "the law is",
                               "What would help most" } do
        says(said, words)
      end
    end
  end)

  it("shows parts of which the percents add up to 100", function()
    local run = runs.of({ { 1, 1, 2, 1 } }, { wall = 3 })
    local session, sum = runs.session { runs = { run } }, 0
    explain.run(session, {})
    says(session.said(), "m:f, 1 item on 1 thread")
    for percent in session.said():gmatch("(%d+) %% %d") do
      sum = sum + math.tointeger(percent)
    end
    assert.equal(100, sum)
  end)

  it("waits for the lock where there is one", function()
    local run = equal_tasks(0)
    run.kind = "one_lock"
    local session = runs.session { runs = { run } }
    explain.run(session, {})
    says(session.said(), "waiting for the lock")
  end)

  it("wants a run", function()
    says(explain.run(runs.session(), {}), ":run")
  end)
end)
