--- `:predict`: recorded runs at other widths.
local predict = require "tandem_cli.lab.predict"
local runs = require "spec.support.runs"

local function waiting(workers)
  return runs.even { workers = workers, n = 64, run = 0.1, cpu = 0.001,
                     serial_each = 0.1 }
end

local function computing(workers)
  return runs.even { workers = workers, n = 64, cpu = 0.03, serial_each = 0.03,
                     run = 0.03 * math.max(1, workers / 2) }
end

local TWO = { cores = 2, wanted = 2 }

local function within(expected, value)
  assert.is_true(math.abs(value / expected - 1) <= 0.05,
                 ("%s, not %s"):format(value, expected))
end

local function says(text, words)
  assert.is_truthy(text:gsub("%s+", " "):find(words, 1, true),
                   ("%q does not say %q"):format(text, words))
end

describe("a prediction", function()
  it("is right for tasks that wait, from any width to any", function()
    local real = { waiting(1), waiting(4), waiting(16) }
    for _, run in ipairs(real) do
      for _, point in ipairs(predict.points(run, { 1, 4, 16 }, TWO, real)) do
        within(6.4 / point.workers, point.wall)
      end
    end
  end)

  it("is right for tasks that compute, from any width to any", function()
    local real = { computing(1), computing(2), computing(8) }
    for _, run in ipairs(real) do
      for _, point in ipairs(predict.points(run, { 1, 2, 8 }, TWO, real)) do
        within(1.92 / math.min(point.workers, 2), point.wall)
      end
    end
  end)

  it("knows its error where another run is real", function()
    local points = predict.points(waiting(4), { 1, 2, 4 }, TWO,
                                  { waiting(1), waiting(4) })
    assert.is_true(math.abs(points[1].error) < 0.05)
    assert.is_nil(points[2].error)
  end)

  it("is for other cores as well", function()
    local points = predict.points(computing(8), { 8 },
                                  { cores = 2, wanted = 4 }, {})
    within(0.48, points[1].wall)
  end)

  it("replays a serial run on threads", function()
    local serial = runs.even { kind = "serial", workers = 1, n = 64, run = 0.1,
                               cpu = 0.001, serial_each = 0.1 }
    for i = 1, 64 do serial.items.queued[i] = serial.items.began[i] end
    within(0.8, predict.points(serial, { 8 }, TWO, {})[1].wall)
  end)

  it("under one lock computes on one core", function()
    local run = computing(8)
    run.kind = "one_lock"
    for i = 1, 64 do run.items.cpu[i] = 0.015 end
    within(0.96, predict.points(run, { 4 }, TWO, {})[1].wall)
  end)
end)

describe(":predict", function()
  local function session(width)
    return runs.session { width = width, runs = { waiting(1), waiting(4) } }
  end

  it("shows the prediction beside the measurement", function()
    for _, width in ipairs { 80, 40 } do
      local shown = session(width)
      assert.is_nil(predict.run(shown, { "1", "16" }))
      assert.is_true(runs.widest(shown.said()) <= width)
      says(shown.said(), "64 items on 4 threads")
      assert.is_truthy(shown.said():find("\n +1 [^\n]*%+?%-?0 %%"))
    end
  end)

  it("takes a number of cores", function()
    local shown = session()
    assert.is_nil(predict.run(shown, { "8", "cores", "16" }))
    says(shown.said(), "replayed on 16 cores")
  end)

  it("tells what is wrong", function()
    says(predict.run(runs.session(), {}), ":run")
    says(predict.run(session(), { "x" }), "'x'")
    for _, words in ipairs { { "cores" }, { "cores", "0" },
                             { "cores", "2", "3" }, { "4", "cores", "x" } } do
      says(predict.run(session(), words), "after `cores`")
    end
  end)
end)
