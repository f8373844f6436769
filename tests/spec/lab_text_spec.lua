--- Text of the laboratory: numbers, tables, bars, lines that fit.
local bars = require "tandem_cli.lab.bars"
local grid = require "tandem_cli.lab.grid"
local runs = require "spec.support.runs"
local text = require "tandem_cli.lab.text"
local units = require "tandem_cli.lab.units"

describe("numbers", function()
  it("have three digits and a unit", function()
    for value, said in pairs {
      [0] = "0 s", [1e-13] = "0 s", [1.5e-7] = "0.15 µs", [0.000124] = "124 µs",
      [0.0124] = "12.4 ms", [1.24] = "1.24 s", [0.9999] = "1.00 s",
      [123.4] = "123 s",
    } do
      assert.equal(said, units.seconds(value))
    end
    for value, said in pairs {
      [0] = "0", [1.5] = "1.50", [9999] = "9999", [12345] = "12.3k",
      [2.5e6] = "2.50M",
    } do
      assert.equal(said, units.count(value))
    end
  end)

  it("that are not known are a dash", function()
    for _, name in ipairs { "seconds", "count", "percent", "times" } do
      assert.equal(units.NONE, units[name](nil))
    end
  end)

  it("of the parts of a whole add up to 100", function()
    for parts, said in pairs {
      [{ 1, 1, 1 }] = "34 % 33 % 33 %",
      [{ 2, 2, 2, 1 }] = "29 % 29 % 28 % 14 %",
      [{ 1, 6, 1 }] = "13 % 75 % 12 %", [{ 0, 5 }] = "0 % 100 %",
      [{ 0.004, 0.996 }] = "0 % 100 %", [{ 0, 0 }] = "0 % 0 %",
    } do
      assert.equal(said, table.concat(units.percents(parts), " "))
    end
  end)

  it("that are ratios show what is little, too", function()
    for value, said in pairs {
      [0.036] = "0.04×", [0.8] = "0.8×", [1.94] = "1.9×", [120] = "120×",
    } do
      assert.equal(said, units.times(value))
    end
  end)

  it("of one thing and of many differ by a letter", function()
    assert.equal("1 item", units.number(1, "item"))
    assert.equal("0 items", units.number(0, "item"))
  end)

  it("of workers come with the right word", function()
    assert.equal("1 thread", units.workers("thread", 1))
    assert.equal("4 processes", units.workers("process", 4))
    assert.equal("2 threads under one lock", units.workers("one_lock", 2))
    assert.equal("serial", units.workers("serial", 1))
  end)
end)

describe("a table", function()
  local COLUMNS = {
    { field = "a", title = "a", left = true }, { field = "b", title = "bb" },
    { field = "c", title = "c", rank = 1 },
    { field = "d", title = "d", rank = 2 },
  }
  local ROWS = { { a = "x", b = "1", c = "µµ", d = "yyyy" } }

  it("is aligned by characters", function()
    assert.equal("a  bb   c     d\nx   1  µµ  yyyy\n",
                 grid.set(COLUMNS, ROWS, 80))
  end)

  it("loses its least columns where there is no room", function()
    assert.equal("a  bb   c\nx   1  µµ\n", grid.set(COLUMNS, ROWS, 14))
    assert.equal("a  bb\nx   1\n", grid.set(COLUMNS, ROWS, 6))
  end)
end)

describe("a bar", function()
  it("is an eighth of a character fine", function()
    assert.equal("██▌", bars.bar(0.25, 10))
    assert.equal("", bars.bar(0, 10))
    assert.equal("▏", bars.bar(1e-6, 10))
    assert.equal("██████████", bars.bar(1.5, 10))
  end)

  it("stays in the terminal", function()
    local rows = { { label = "1", value = 1, figure = "1.00" },
                   { label = "16", value = 16, figure = "16.0",
                     note = "◂ knee" } }
    for _, width in ipairs { 40, 80 } do
      local drawn = bars.draw({ width = width }, rows)
      assert.is_true(runs.widest(drawn) <= width)
    end
  end)
end)

describe("colours", function()
  it("are used only where the session has them", function()
    assert.equal("x", text.paint({ colour = false }, "green", "x"))
    assert.equal("\27[32mx\27[0m", text.paint({ colour = true }, "green", "x"))
  end)
end)

describe("sentences", function()
  it("are broken at blanks", function()
    assert.equal("one two\nthree\n", text.wrap("one two three", 8))
    assert.equal("µµ µµ\n", text.wrap("µµ µµ", 5))
  end)
end)
