--- `:sweep`: the knee, the choice, and what it looks like.
package.preload["tandem_cli.lab.record"] = function()
  return require "fixtures.lab_record"
end

local choice = require "tandem_cli.lab.choice"
local knee = require "tandem_cli.lab.knee"
local points_of = require "tandem_cli.lab.points".of
local pools = require "spec.support.lab_pools"
local runs = require "spec.support.runs"
local sweep = require "tandem_cli.lab.sweep"
local widths = require "tandem_cli.lab.widths"

local CORES = 2

local function says(text, words)
  assert.is_truthy(text:gsub("%s+", " "):find(words, 1, true),
                   ("%q does not say %q"):format(text, words))
end

-- Tasks that wait, on pools up to so wide.
local function waiting(last)
  local list = {}
  local workers = 1
  while workers <= last do
    list[#list + 1] = runs.even { workers = workers, n = 64, run = 0.1,
                                  cpu = 0.001, serial_each = 0.1 }
    workers = workers * 2
  end
  return points_of(list)
end

-- Tasks that compute: beyond the cores each takes longer.
local function computing()
  local list = {}
  for i, workers in ipairs { 1, 2, 4, 8 } do
    list[i] = runs.even { workers = workers, n = 64, cpu = 0.01,
                          run = 0.01 * math.max(1, workers / CORES),
                          serial_each = 0.01 }
  end
  return points_of(list)
end

local function sentence(points)
  local at, reached = knee.find(points)
  return choice.sentence(points, at, reached, CORES)
end

describe("the knee", function()
  local function find(...)
    local points = {}
    for i, throughput in ipairs { ... } do
      points[i] = { workers = i, throughput = throughput }
    end
    return knee.find(points)
  end

  it("is the first with nine tenths of the best", function()
    assert.same({ 2, true }, { find(50, 91, 100, 99) })
  end)

  it("is not reached where the end is the best", function()
    assert.same({ 3, false }, { find(10, 20, 40) })
  end)

  it("is the first where more workers cost", function()
    assert.same({ 1, true }, { find(100, 80, 60) })
  end)

  it("of a single width is not known", function()
    assert.same({ 1, false }, { find(100) })
  end)
end)

describe("the choice", function()
  it("is a worker a core for tasks that compute", function()
    local said = sentence(computing())
    says(said, "Take 2 threads: the tasks compute (100 % of their time)")
    says(said, "there are 2")
    says(said, "a task takes 40.0 ms there instead of 10.0 ms")
  end)

  it("is to go on where tasks wait and the curve rises", function()
    local said = sentence(waiting(16))
    says(said, "Take 16 threads: the tasks wait")
    says(said, "try 32 as well")
  end)

  it("does not promise cores that are not there", function()
    local points = computing()
    points[4].throughput = points[4].throughput * 1.5
    says(sentence(points), "other programs use this machine")
    points[3].throughput = points[4].throughput
    local said = sentence(points)
    says(said, "The knee is at 4 threads")
    says(said, "other programs use this machine")
    says(said, "Take 2 threads")
  end)

  it("is none after a single width", function()
    says(sentence(points_of { runs.even { workers = 1, n = 8, run = 0.01,
                                          cpu = 0.01 } }),
         "One width shows no knee")
  end)
end)

describe("widths", function()
  it("are by default doublings around the cores", function()
    assert.same({ 1, 2, 4, 8, 16 }, widths.read({}, 2))
    assert.same({ 1, 2, 6, 12, 24, 48 }, widths.read({}, 6))
  end)

  it("are sorted, each once", function()
    assert.same({ 2, 8 }, widths.read({ "8", "2", "8" }, 2))
  end)

  it("are numbers", function()
    for _, word in ipairs { "x", "0", "-1", "2.5", "70000", "1e99" } do
      local list, problem = widths.read({ word }, 2)
      assert.is_nil(list)
      says(problem, word)
    end
  end)
end)

describe("what :sweep shows", function()
  it("fits 80 and 40 columns, without colours", function()
    for _, width in ipairs { 80, 40 } do
      local session = runs.session { width = width }
      sweep.show(session, computing(), CORES)
      local said = session.said()
      assert.is_true(runs.widest(said) <= width)
      assert.is_nil(said:find("\27", 1, true))
      assert.is_truthy(said:find("\n2 █[^\n]*◂ knee"))
      says(said, "Take 2 threads")
    end
  end)

  it("marks no knee where the curve still rises", function()
    local session = runs.session {}
    sweep.show(session, waiting(4), CORES)
    assert.is_nil(session.said():find("◂ knee", 1, true))
    says(session.said(), "◂ still rising")
    session = runs.session {}
    sweep.show(session, waiting(1), CORES)
    assert.is_nil(session.said():find("◂", 1, true))
  end)

  it("has colours where the session has", function()
    local session = runs.session { colour = true }
    sweep.show(session, computing(), CORES)
    assert.is_truthy(session.said():find("\27[32m", 1, true))
  end)
end)

describe(":sweep", function()
  it("runs the task at each width and keeps the runs", function()
    local session = pools.session { task = "math:abs", args = { -1 },
                                    count = 20 }
    assert.is_nil(sweep.run(session, { "1", "3" }))
    assert.same({ 1, 3 }, { session.runs[1].workers, session.runs[2].workers })
    assert.equal(2, #session.runs)
    says(session.said(), "math:abs, 20 items, on threads")
  end)

  it("works on processes", function()
    local session = pools.session { task = "math:abs", args = { -1 },
                                    count = 4, pool_kind = "process" }
    assert.is_nil(sweep.run(session, { "1", "2" }))
    assert.equal("process", session.runs[2].kind)
  end)

  it("tells what is missing or wrong, and runs nothing", function()
    local session = pools.session {}
    says(sweep.run(session, {}), ":task")
    session.task = "math:abs"
    says(sweep.run(session, { "many" }), "'many'")
    assert.equal(0, #session.runs)
  end)
end)
