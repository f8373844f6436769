--- `:compare`: the kinds of pool side by side, and what that teaches.
package.preload["tandem_cli.lab.record"] = function()
  return require "fixtures.lab_record"
end

local compare = require "tandem_cli.lab.compare"
local pools = require "spec.support.lab_pools"
local runs = require "spec.support.runs"

local CORES = 2

local function says(text, words)
  assert.is_truthy(text:gsub("%s+", " "):find(words, 1, true),
                   ("%q does not say %q"):format(text, words))
end

-- A run of each kind: 64 items that take so long there.
local function each_kind(times, cpu)
  local list = {}
  for kind, run in pairs(times) do
    list[kind] = runs.even { kind = kind, n = 64, run = run, cpu = cpu,
                             workers = kind == "serial" and 1 or 4 }
  end
  return list
end

local COMPUTING = each_kind({ serial = 0.01, thread = 0.02, one_lock = 0.04,
                              process = 0.02 }, 0.01)

local function shown(list, width)
  local session = runs.session { width = width or 80 }
  compare.show(session, list, CORES)
  return session.said()
end

describe("a comparison", function()
  it("teaches that threads have no GIL", function()
    local said = shown(COMPUTING)
    says(said, "threads were 2.0× as fast as serial on 2 cores: tandem's "
      .. "threads have no GIL")
    says(said, "Under one lock, as CPython has, they reach 1.0×")
    says(said, "Processes are there for isolation")
  end)

  it("teaches that waits overlap under one lock as well", function()
    local said = shown(each_kind({ serial = 0.1, thread = 0.1, one_lock = 0.1,
                                   process = 0.1 }, 0.001))
    says(said, "These tasks wait")
    says(said, "even under one lock (4.0×)")
  end)

  -- Less than a fifth of the time the CPU was used: others had it.
  it("is not misled by tasks that wait for a core", function()
    local list = each_kind({ serial = 0.1, thread = 0.2, one_lock = 0.4,
                             process = 0.2 }, 0.01)
    list.serial.cpu_share = 1
    says(shown(list), "These tasks compute, and threads were 2.0× as fast")
  end)

  it("does not praise a gain that is not there", function()
    local said = shown(each_kind({ serial = 0.01, thread = 0.04,
                                   one_lock = 0.04, process = 0.04 }, 0.01))
    says(said, "other programs use them now")
  end)

  it("fits 80 and 40 columns", function()
    for _, width in ipairs { 80, 40 } do
      assert.is_true(runs.widest(shown(COMPUTING, width)) <= width)
    end
  end)
end)

describe(":compare", function()
  it("runs the task on all kinds and keeps the runs", function()
    local session = pools.session { task = "math:abs", args = { -1 },
                                    count = 8, workers = 3 }
    assert.is_nil(compare.run(session, {}))
    local seen = {}
    for _, run in ipairs(session.runs) do seen[run.kind] = run.workers end
    assert.same({ serial = 1, thread = 3, one_lock = 3, process = 3 }, seen)
  end)

  it("measures all speed-ups by its own serial run", function()
    local session = pools.session { task = "tandem:sleep", args = { 0.005 },
                                    count = 6, workers = 2 }
    assert.is_nil(compare.run(session, {}))
    local each = session.runs[1].serial_each
    for _, run in ipairs(session.runs) do
      assert.equal(each, run.serial_each)
    end
  end)

  it("wants a task", function()
    says(compare.run(pools.session {}, {}), ":task")
  end)
end)
