#include "base/encoding.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/xml.h"

namespace baton {
namespace {

TEST(Encoding, HexAndBase64) {
  EXPECT_EQ(hex(std::string_view("\x00\xff\x10", 3)), "00ff10");
  // RFC 4648, section 10.
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    EXPECT_EQ(base64_decode(base64(text)), text);
  for (const char* bad : {"Z", "Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm\n9"})
    EXPECT_FALSE(base64_decode(bad)) << bad;
}

TEST(Encoding, Percent) {
  EXPECT_EQ(percent_encode("a/b c~\xe4"), "a%2Fb%20c~%E4");
  EXPECT_EQ(percent_encode("a/b=", true), "a/b%3D");
  EXPECT_EQ(percent_decode("a%2Fb%20c~%E4%"), "a/b c~\xe4%");
  EXPECT_EQ(percent_decode("%zz%4"), "%zz%4");
}

// RFC 4231, test cases 1 and 2.
TEST(Encoding, Hmac) {
  EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

// RFC 3720, B.4.
TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c_text(0), "AAAAAA==");
  EXPECT_EQ(crc32c_text(0xe3069283), "4waSgw==");
}

TEST(Crc32c, GoesOnAndCombines) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += static_cast<char>(i * 7 + i / 13);
  uint32_t whole = crc32c(bytes);
  for (size_t cut : {0ul, 1ul, 7ul, 8ul, 9ul, 4096ul, 4999ul, 5000ul}) {
    std::string_view a = std::string_view(bytes).substr(0, cut);
    std::string_view b = std::string_view(bytes).substr(cut);
    EXPECT_EQ(crc32c(b, crc32c(a)), whole) << cut;
    EXPECT_EQ(crc32c_combine(crc32c(a), crc32c(b), b.size()), whole) << cut;
  }
}

// Bit by bit, as the polynomial says: long rows are computed in another way than short ones.
TEST(Crc32c, LongRowsAsTheDefinition) {
  std::string bytes(60'000, '\0');
  uint32_t random = 1;
  for (char& c : bytes) c = static_cast<char>((random = random * 1664525 + 1013904223) >> 24);
  uint32_t state = ~0u;
  for (size_t size = 1; size <= bytes.size(); ++size) {
    state ^= static_cast<unsigned char>(bytes[size - 1]);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ (state & 1 ? 0x82f63b78 : 0);
    if (size < 8 || size % 997 == 0 || size % 12'288 < 2) {
      ASSERT_EQ(crc32c(std::string_view(bytes).substr(0, size)), ~state) << size;
    }
  }
}

TEST(Xml, WhatIsEscapedIsReadBack) {
  const std::string text = "a <b> & \"c\" &amp; ]]>";
  EXPECT_EQ(xml_escape("<\"&\">"), "&lt;\"&amp;\"&gt;");
  auto xml = parse_xml("<t>" + xml_escape(text) + "</t>", "it");
  ASSERT_TRUE(xml.ok());
  EXPECT_EQ(xml->text, text);
}

TEST(Xml, ReadsElementsTextAndEntities) {
  auto xml = parse_xml(
      "\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- c --><a:List xmlns=\"x>y\">\n <Name>b&amp;&#x41;"
      "&lt;</Name><Empty/><E2 a='1'></E2><K><V>1</V></K><K><V>2</V></K><![CDATA[<]]></a:List>\n",
      "it");
  ASSERT_TRUE(xml.ok()) << xml.error().text();
  EXPECT_EQ(xml->name, "List");
  EXPECT_EQ(xml->at("Name"), "b&A<");
  EXPECT_EQ(xml->at("K/V"), "1");
  EXPECT_EQ(xml->at("Empty"), "");
  EXPECT_EQ(xml->at("None/V"), "");
  EXPECT_EQ(xml->children.size(), 5u);
  EXPECT_EQ(xml->at("E2"), "");
  EXPECT_EQ(xml->child("E2")->attribute("a"), "1");
  EXPECT_EQ(xml->attribute("xmlns"), "x>y");
  EXPECT_EQ(xml->attribute("none"), "");
}

TEST(Xml, WhiteSpaceBelongsToTheText) {
  auto xml = parse_xml("<a>\n <N b = \"=1\"\n c='\"'> x\n </N><M> </M></a>", "it");
  ASSERT_TRUE(xml.ok()) << xml.error().text();
  EXPECT_EQ(xml->child("N")->text, " x\n ");
  EXPECT_EQ(xml->at("N"), "x");
  EXPECT_EQ(xml->at("M"), "");
  EXPECT_EQ(xml->child("N")->attribute("b"), "=1");
  EXPECT_EQ(xml->child("N")->attribute("c"), "\"");
}

TEST(Xml, RefusesWhatIsNone) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  for (const std::string& bad :
       {std::string(""), std::string("text"), std::string("<a>"), std::string("<a></b>"),
        std::string("<a></a><b/>"), std::string("<a>&x;</a>"), std::string("<a>&#0;</a>"),
        std::string("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"), std::string("<a b=\"></a>"),
        std::string("<a><!-- </a>"), std::string("<></>"), deep})
    EXPECT_TRUE(parse_xml(bad, "it").is(Code::transient)) << bad;
}

}  // namespace
}  // namespace baton
