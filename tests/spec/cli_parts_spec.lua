--- Parts of the command that need no process of their own.
local catalogue = require "tandem_cli.catalogue"
local choice = require "tandem_cli.choice"
local commands = require "tandem_cli.commands"
local complete = require "tandem_cli.complete"
local figures = require "tandem_cli.figures"
local nearest = require "tandem_cli.nearest"
local tandem = require "tandem"
local text = require "tandem_cli.text"

describe("figures", function()
  it("have three digits and a unit", function()
    for seconds, words in pairs {
      [0] = "0 s", [1.234e-6] = "1.23 µs", [12.34e-6] = "12.3 µs",
      [999.6e-6] = "1.00 ms", [0.1234] = "123 ms", [0.9999] = "1.00 s",
      [12.34] = "12.3 s", [100] = "1:40 min", [3700] = "1:01 h",
    } do
      assert.equal(words, figures.seconds(seconds))
    end
    assert.equal("12.3/s", figures.rate(12.34))
    assert.equal("1.00 k/s", figures.rate(999.9))
    assert.equal("1.23 M/s", figures.rate(1.234e6))
    assert.equal("12 %", figures.percent(0.123))
  end)
end)

describe("text", function()
  it("is broken between words, and never within", function()
    assert.equal("one two\n  three\n  four", text.wrap("one two  three four",
                                                       9, 2))
    assert.equal("incomprehensible\nword", text.wrap("incomprehensible word",
                                                     5))
    assert.equal("", text.wrap("", 10))
  end)

  it("counts what is seen, not colours", function()
    local painted = text.paint(true, "red", "four")
    assert.equal(4, text.width(painted))
    assert.equal("four", text.paint(false, "red", "four"))
    assert.equal(2, text.width("äö"))
    assert.equal("1 µs  ", text.pad("1 µs", 6))
  end)

  it("is cut between characters", function()
    assert.equal("äö", text.cut("äöü", 2))
    assert.equal("\xff\xfe", text.cut("\xff\xfe\xfd", 2))
    assert.equal("abc", text.cut("abc", 3))
  end)

  it("goes on below the first fact of its row", function()
    assert.equal("key a  b\n    c", text.row("key ", { "a", "b", "c" }, 8))
  end)
end)

describe("the help", function()
  -- All of it, in a window of that width.
  local function help(width, name)
    local parts = {}
    local session = { width = width, look = function() end,
                      write = function(said) parts[#parts + 1] = said end }
    commands.call(session, ":help " .. (name or ""))
    return table.concat(parts)
  end

  it("fits each width from 40 columns on, examples too", function()
    for width = 40, 81 do
      local shown = { help(width) }
      for _, name in ipairs(commands.names()) do
        shown[#shown + 1] = help(width, name)
      end
      for line in table.concat(shown):gmatch("[^\n]+") do
        assert.is_true(utf8.len(line) <= width, line)
      end
    end
  end)

  it("breaks a line where no word fits any more", function()
    local first = help(81):match("\n(  3%. [^\n]+)\n")
    assert.equal('  3. Compare: ":pool one_lock 4" is what Python\'s threads '
                 .. 'do, ":pool processes 2"', first)
    assert.matches("\n  wall: from the first submit to the\n    last end",
                   help(40, "run"))
  end)

  it("names what compares to somebody new", function()
    local beginning = help(80):match("^(.-)\nCommands")
    for _, name in ipairs { ":run", ":tasks", ":compare", ":sweep" } do
      assert.is_truthy(beginning:find(name, 1, true), name)
    end
  end)
end)

describe("the nearest name", function()
  it("is what was likely meant", function()
    local names = { "run", "tasks", "task", "pool", "processes" }
    for typed, meant in pairs {
      rnu = "run", runn = "run", tsak = "task", proc = "processes",
      pol = "pool",
    } do
      assert.equal(meant, nearest.find(typed, names))
    end
  end)

  it("is nothing where none is near", function()
    assert.is_nil(nearest.find("xylophone", { "run", "pool" }))
    assert.equal("", nearest.hint("", { "run" }))
  end)
end)

describe("the choice of a task", function()
  local function arguments(words)
    return table.pack(choice.arguments(words)(7))
  end

  it("takes expressions, between commas or blanks, and words", function()
    assert.same({ n = 2, 1, 14 }, arguments("1, i * 2"))
    assert.same({ n = 3, 1, 7, "word" }, arguments("1 i word"))
    assert.same({ n = 1, "/etc/passwd" }, arguments("/etc/passwd"))
    assert.same({ n = 1, "http://x/?a=b" }, arguments("http://x/?a=b"))
    assert.same({ n = 1, { 7, 8 } }, arguments("{ i, i + 1 }"))
    assert.same({ n = 2, nil, true }, arguments("nil true"))
    assert.same({ n = 1, 5.0 }, arguments("math.sqrt(25)"))
  end)

  it("sees when a function goes on over the next line", function()
    assert.is_true(choice.is_unfinished("function(i) return {"))
    assert.is_false(choice.is_unfinished("function(i) return i end"))
    assert.is_false(choice.is_unfinished("function(i) = end"))
    assert.is_false(choice.is_unfinished("primes"))
  end)

  it("refuses what no worker can call", function()
    assert.error_matches(function() choice.understand("nobody") end,
                         "there is no task 'nobody'")
    assert.error_matches(function() choice.understand("math:") end,
                         "malformed")
  end)
end)

describe("the catalogue", function()
  it("has tasks of every kind, with all that is needed to run them", function()
    local kinds = {}
    for _, entry in ipairs(catalogue.list) do
      kinds[entry.kind] = true
      local module, name = entry.task:match("^([%w_.]+):?([%w_]*)$")
      local loaded = require(module)
      assert.equal("function", type(name == "" and loaded or loaded[name]))
      assert.equal("function", type(entry.args))
      assert.is_true(entry.n > 0 and #entry.about < 66)
      assert.equal(entry, catalogue.find(entry.name))
    end
    assert.same({ io = true, cpu = true, mixed = true }, kinds)
  end)
end)

describe("the table of commands", function()
  it("has all of each command", function()
    for _, command in ipairs(commands.list) do
      for _, field in ipairs { "name", "usage", "summary", "help" } do
        assert.equal("string", type(command[field]), command.name)
      end
      assert.equal("function", type(command.run))
      assert.is_true(#command.summary < 55, command.name)
      assert.equal(command, (commands.find(":" .. command.name)))
    end
  end)

  it("hands on the words, and all of them as they were typed", function()
    local seen
    commands.register { {
      name = "spec-only", usage = "", summary = "", help = "",
      run = function(session, args) seen = { session, args } end,
    } }
    local session = { look = function() end }
    commands.call(session, ":spec-only a  'b  c' ")
    table.remove(commands.list)
    assert.equal(session, seen[1])
    assert.same({ "a", "'b", "c'", text = "a  'b  c'" }, seen[2])
  end)
end)

describe("completion", function()
  -- As readline has it: the word begins behind the last of its breaks.
  local function completed(line)
    local from = #line - #line:match("[^%s\"'`@$><=;|&{(]*$") + 1
    return complete.complete(line, from)
  end

  it("knows commands, and what may follow them", function()
    assert.same({ ":pool" }, completed(":po"))
    assert.same({ "primes" }, completed(":task pri"))
    assert.same({ "one_lock" }, completed(":pool one"))
    assert.same({ "workers" }, completed(":help wor"))
  end)

  it("knows globals, keywords, fields and methods", function()
    assert.same({ "tostring" }, completed("tostr"))
    assert.same({ "function" }, completed("func"))
    assert.same({ "math.sqrt" }, completed("math.sq"))
    assert.same({ "x+math.sqrt" }, completed("x+math.sq"))
    assert.same({}, completed("no.such.thing"))
    assert.same({}, completed("f()."))
    rawset(_G, "spec_pool", tandem.serial_pool())
    assert.same({ "spec_pool:submit" }, completed("spec_pool:subm"))
    rawset(_G, "spec_word", "text")
    assert.same({ "spec_word:upper" }, completed("x = spec_word:upp"))
    rawset(_G, "spec_pool", nil)
    rawset(_G, "spec_word", nil)
  end)

  it("runs nobody's code", function()
    rawset(_G, "spec_table", setmetatable({}, { __index = error,
                                                __pairs = error }))
    assert.same({}, completed("spec_table.x"))
    rawset(_G, "spec_table", nil)
  end)
end)
