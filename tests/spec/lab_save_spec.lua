--- `:save`: the page, the figures, the trace.
local axis = require "tandem_cli.lab.page.axis"
local browser = require "spec.support.browser"
local document = require "tandem_cli.lab.page.document"
local files = require "spec.support.files"
local json = require "cjson"
local machine = require "tandem_cli.lab.machine"
local runs = require "spec.support.runs"
local save = require "tandem_cli.lab.save"
local trace = require "tandem_cli.lab.trace"
local xml = require "spec.support.xml"

local function run(kind, workers, values)
  local shape = { kind = kind, workers = workers, n = 48, run = 0.1,
                  cpu = 0.02, serial_each = 0.1 }
  for name, value in pairs(values or {}) do shape[name] = value end
  return runs.even(shape)
end

local function full_session()
  return runs.session { runs = {
    run("serial", 1), run("thread", 1), run("thread", 2), run("thread", 4),
    run("one_lock", 4), run("process", 2), run("process", 4),
    run("thread", 3, { task = "<m>:&\"f\"" }),
  } }
end

local function saved(session, name)
  local path = files.directory() .. "/" .. name
  assert.is_nil(save.run(session, { path }))
  return files.read(path), path
end

local function page_of(list)
  return document.write(list, machine.facts())
end

describe("the page", function()
  after_each(function() files.remove_all() end)

  it("is well-formed, with all charts", function()
    local counts = xml.elements((saved(full_session(), "report.html")))
    -- Curve, comparison, timeline of one piece of work; a timeline of another.
    assert.equal(4, counts.svg)
    assert.equal(2, counts.table)
    -- Threads, processes, and what would be in proportion.
    assert.equal(3, counts.polyline)
    assert.equal(5, counts.circle)
    assert.is_nil(counts.script)
  end)

  it("asks for nothing from elsewhere", function()
    local page = saved(full_session(), "report.html")
    xml.elements(page, function(name, attributes)
      for _, key in ipairs { "src", "href", "srcset", "xlink:href" } do
        local value = attributes[key]
        assert.is_truthy(value == nil or value == "data:,", name)
      end
    end)
    assert.is_nil(page:find("@import", 1, true))
    assert.is_nil(page:find("url(", 1, true))
  end)

  it("is light and dark", function()
    assert.is_truthy(page_of({ run("thread", 1) })
      :find("prefers-color-scheme: dark", 1, true))
  end)

  it("says in words what the charts show", function()
    local page = page_of(full_session().runs)
    for _, words in ipairs { "Take 4 threads", "These tasks", "knee: beyond 4",
                             "48 items" } do
      assert.is_truthy(page:find(words, 1, true), words)
    end
    page = page_of { run("thread", 1), run("thread", 2, { run = 0.2 }) }
    assert.is_truthy(page:find("knee: 1", 1, true))
  end)

  it("counts no run that was stopped among those that are compared", function()
    local stopped = run("thread", 2, { run = 0.3 })
    stopped.interrupted = true
    local list = { run("thread", 2), stopped, run("thread", 4) }
    local counts = xml.elements(page_of(list))
    assert.equal(2, counts.circle)
    assert.is_truthy(page_of(list):find("in proportion", 1, true))
    assert.is_nil(page_of(list):find("3.60 s", 1, true))
    assert.is_truthy(page_of { stopped }:find("7.20 s", 1, true))
  end)

  it("draws many tasks as cells", function()
    local many = run("thread", 4, { n = 1600, run = 0.001, cpu = 0.001 })
    local counts = xml.elements(page_of { many })
    assert.is_true(counts.rect < 1000)
  end)

  it("stays in its drawings", function()
    xml.elements(page_of(full_session().runs), function(name, attributes)
      if name ~= "rect" then return end
      assert.is_true(tonumber(attributes.x) >= 0)
      assert.is_true(tonumber(attributes.width) >= 0)
      assert.is_true(tonumber(attributes.height) >= 0)
      assert.is_true(attributes.x + attributes.width <= 720)
    end)
  end)

  it("shows runs of one item, and of no time", function()
    xml.elements(page_of { run("thread", 1, { n = 1 }),
                           run("thread", 2, { run = 0, cpu = 0 }) })
  end)

  it("is the same to a browser, which finds nothing wrong", function()
    local _, path = saved(full_session(), "report.html")
    -- Without a browser this is the text as it is.
    local dom, complaints = browser.open(path)
    assert.equal("", complaints)
    local _, drawings = dom:gsub("<svg", "")
    assert.equal(4, drawings)
  end)
end)

describe("marks of an axis", function()
  it("are round, and cover the greatest value", function()
    assert.same({ 0, 200, 400, 600 }, axis.marks(502, 4))
    for _, most in ipairs { 1e-6, 0.03, 1, 7.2, 99, 12345, 1e9 } do
      local marks = axis.marks(most, 5)
      assert.is_true(marks[#marks] >= most * 0.999999)
      assert.is_true(#marks >= 3 and #marks <= 8)
    end
  end)
end)

describe("the figures", function()
  after_each(function() files.remove_all() end)

  it("are all there as JSON", function()
    local text = saved(full_session(), "runs.json")
    local read = json.decode(text)
    assert.equal(8, #read.runs)
    assert.is_number(read.machine.cpus)
    local first = read.runs[1]
    assert.same({ "m:f", "serial", 48 }, { first.task, first.kind, first.n })
    assert.equal(48, #first.items.began)
    assert.is_true(math.abs(first.figures.throughput - 10) < 1e-6)
  end)

  it("have null where an item has none", function()
    local session = runs.session { runs = {
      runs.of({ { 1, 0, 1, 1 }, { 1, nil, nil, nil } }, { wall = 1 }),
    } }
    local read = json.decode((saved(session, "runs.json")))
    assert.equal(json.null, read.runs[1].items.began[2])
  end)
end)

describe("the trace", function()
  after_each(function() files.remove_all() end)

  it("has a process a run, a thread a worker, an event a task", function()
    local read = json.decode((saved(full_session(), "a.trace.json")))
    local kinds, names = {}, {}
    for _, event in ipairs(read.traceEvents) do
      kinds[event.ph] = (kinds[event.ph] or 0) + 1
      if event.name == "process_name" then
        names[event.pid] = event.args.name
      end
    end
    assert.equal(8 * 48, kinds.X)
    assert.equal(8 + 1 + 1 + 2 + 4 + 4 + 2 + 4 + 3, kinds.M)
    assert.equal("m:f on 4 threads", names[4])
  end)

  it("counts the queue, which ends empty", function()
    local last, most = nil, 0
    for _, event in ipairs(trace.of({ run("thread", 4) }).traceEvents) do
      if event.ph == "C" then
        last = event.args.tasks
        most = math.max(most, last)
        assert.is_true(last >= 0)
      end
    end
    assert.equal(0, last)
    assert.is_true(most >= 44)
  end)

  it("begins at nought, in whole microseconds", function()
    local event = trace.of({ run("thread", 1) }).traceEvents[3]
    assert.same({ 0, 100000 }, { event.ts, event.dur })
    assert.equal("integer", math.type(event.ts))
  end)
end)

describe(":save", function()
  after_each(function() files.remove_all() end)

  it("tells what it wrote", function()
    local session = full_session()
    local text = saved(session, "x.json")
    assert.is_truthy(session.said():find(#text .. " bytes", 1, true))
  end)

  it("tells what is wrong", function()
    local session = full_session()
    for _, words in ipairs { {}, { "report.pdf" }, { ".html" } } do
      assert.is_truthy(save.run(session, words):find(".trace.json", 1, true))
    end
    assert.is_truthy(save.run(session, { "/nowhere/at/all.json" })
      :find("/nowhere/at/all.json", 1, true))
    assert.is_truthy(save.run(runs.session(), { "a.html" })
      :find(":run", 1, true))
  end)
end)
