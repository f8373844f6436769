--- tandem.pc, as pkg-config reads it.
local files = require "spec.support.files"
local stage = require "spec.support.stage"
local lfs = require "lfs"
local tandem = require "tandem"

-- What it prints, without the blank that some versions put at the end.
local function pkg_config(arguments, sysroot)
  local lines, code = stage.lines(
    ("env PKG_CONFIG_PATH=%s PKG_CONFIG_SYSROOT_DIR=%s pkg-config %s 2>&1")
    :format(stage.word(stage.pkgconfig), files.quote(sysroot or ""), arguments))
  assert.equal(0, code, table.concat(lines, "\n"))
  return (table.concat(lines, "\n"):gsub("%s+$", ""))
end

describe("tandem.pc", function()
  after_each(function() files.remove_all() end)

  it("is sound", function()
    pkg_config("--exists --print-errors tandem")
    pkg_config("--validate tandem")
  end)

  it("has the version of the module", function()
    assert.equal(tandem._VERSION,
                 "tandem " .. pkg_config("--modversion tandem"))
  end)

  it("tells where things are", function()
    for name, place in pairs {
      prefix = "/usr", includedir = "/usr/include",
      luadir = "/usr/share/lua/5.4", cmoddir = stage.lib,
      worker = stage.lib .. "/tandem/tandem-worker",
    } do
      assert.equal(place, pkg_config("--variable=" .. name .. " tandem"))
    end
  end)

  it("follows where somebody moves the prefix", function()
    local worker = pkg_config(("--define-variable=prefix=%s "
      .. "--variable=worker tandem"):format(stage.word("/usr")))
    assert.is_truthy(lfs.attributes(worker), worker)
  end)

  it("links nothing", function()
    assert.equal("", pkg_config("--libs tandem"))
  end)

  it("gives a compiler the folder of the header", function()
    assert.equal("-I/opt/include", pkg_config(
      "--define-variable=prefix=/opt --cflags tandem"))
  end)

  it("gives a folder with a blank in its name as one word", function()
    assert.equal("-I/my\\ own/include", pkg_config(
      "'--define-variable=prefix=/my own' --cflags tandem"))
  end)

  -- The header is one of the C core's files; until it is there, nothing is
  -- installed that could be compiled against.
  if lfs.attributes(stage.source .. "/core/tandem.h") then
    it("is enough to compile a program against tandem.h", function()
      local dir = files.directory()
      files.write(dir .. "/host.c", "#include <tandem.h>\n"
        .. "#include <tandem.h>\nint main(void) { return 0; }\n")
      local flags = pkg_config(("--define-variable=prefix=%s --cflags tandem")
                               :format(stage.word("/usr")))
      local out = stage.lines(("cd %s && %s -std=c11 -Wall -Wextra -Wpedantic "
        .. "-Werror %s -o host host.c 2>&1 && ./host && echo runs")
        :format(dir, os.getenv("CC") or "cc", flags))
      assert.same({ "runs" }, out)
    end)
  end
end)
