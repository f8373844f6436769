--- `:timeline`: rows of what workers did.
local cells = require "tandem_cli.lab.cells"
local runs = require "spec.support.runs"
local spans = require "tandem_cli.lab.spans"
local timeline = require "tandem_cli.lab.timeline"

describe("cells", function()
  it("tell computing, waiting, and idling", function()
    local run = runs.of { { 1, 0, 2, 2 }, { 1, 2, 4, 0 }, { 1, 5.7, 6, 0.3 } }
    local row, busy = cells.of(spans.of(run), 8, 8)
    assert.same({ "computing", "computing", "waiting", "waiting", "idle",
                  "partly", "idle", "idle" }, row)
    assert.is_true(math.abs(busy - 4.3 / 8) < 1e-9)
  end)

  it("tell waiting for a core from that of the task", function()
    local list = spans.of(runs.of { { 1, 0, 4, 1 } })
    assert.same({ "crowded" }, (cells.of(list, 4, 1, 0.1)))
    assert.same({ "waiting" }, (cells.of(list, 4, 1, 0.9)))
  end)

  it("add up many short tasks", function()
    local list = {}
    for i = 1, 100 do list[i] = { 1, i - 1, i - 0.1, 0.9 } end
    local row = cells.of(spans.of(runs.of(list)), 100, 5)
    for i = 1, 5 do assert.equal("computing", row[i]) end
  end)
end)

describe(":timeline", function()
  local RUN = runs.of({ { 1, 0, 1, 1 }, { 2, 0, 0.5, 0 } },
                      { workers = 2, serial_each = 0.75 })

  it("draws a row a worker, as wide as the terminal", function()
    for _, width in ipairs { 80, 40 } do
      local session = runs.session { width = width, runs = { RUN } }
      assert.is_nil(timeline.run(session, {}))
      local said = session.said()
      assert.is_true(runs.widest(said) <= width)
      assert.is_nil(said:find("\27", 1, true))
      -- Patterns repeat bytes, not characters.
      local plain = said:gsub("█", "#"):gsub("░", "~"):gsub("│", "|")
      assert.is_truthy(plain:find("1 |#+| 100 %%"))
      assert.is_truthy(plain:find("2 |~+ +|  50 %%"))
    end
  end)

  it("shows where tasks wait for a core", function()
    local run = runs.even { workers = 8, n = 80, run = 0.04, cpu = 0.01,
                            serial_each = 0.01 }
    local drawn = timeline.draw(runs.session(), run, 2)
    assert.is_truthy(drawn:find("▒", 1, true))
    assert.is_nil(drawn:find("░", 1, true))
  end)

  it("counts the workers that are not shown", function()
    local list = {}
    for i = 1, 40 do list[i] = { i, 0, 1, 0 } end
    local session = runs.session { runs = { runs.of(list) } }
    timeline.run(session, {})
    assert.is_truthy(session.said():find("and 8 more workers", 1, true))
  end)

  it("wants a run in which something ran", function()
    local session = runs.session()
    assert.is_truthy(timeline.run(session, {}):find(":run", 1, true))
    session.runs[1] = runs.of({ { 1, nil, nil, nil } }, { wall = 1 })
    assert.is_string(timeline.run(session, {}))
  end)

  it("goes back to the last run in which something ended", function()
    local session = runs.session { runs = {
      runs.of({ { 1, 0, 1, 0 } }, { n = 7, interrupted = true }),
      runs.of({}, { wall = 1, n = 7, interrupted = true }),
    } }
    assert.is_nil(timeline.run(session, {}))
    assert.is_truthy(session.said():find("m:f, 1 item on 1 thread", 1, true))
  end)
end)
