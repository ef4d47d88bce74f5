use super::*;
use proptest::prelude::*;

#[test]
fn blocks_become_lines() {
    let html = "<h1>Your order</h1><p>It  is\n on its <b>way</b>.</p><p>Bye<br>now</p>";
    assert_eq!(
        to_plain(html),
        "Your order\n\nIt is on its way.\n\nBye\nnow"
    );
    assert_eq!(
        to_whatsapp(html),
        "*Your order*\n\nIt is on its *way*.\n\nBye\nnow"
    );
    assert_eq!(to_plain("<div>a</div><div>b</div><hr>c"), "a\nb\n---\nc");
    assert_eq!(to_plain("a<br><br>b"), "a\n\nb");
}

#[test]
fn lists_quotes_and_tables() {
    let html = "Choose:<ul><li>one</li><li>two<ol><li value=3>x<li>y</ol></li></ul>done";
    assert_eq!(
        to_plain(html),
        "Choose:\n\n- one\n- two\n  3. x\n  4. y\n\ndone"
    );
    assert_eq!(
        to_plain("<blockquote>a<br>b</blockquote>c"),
        "> a\n> b\n\nc"
    );
    assert_eq!(
        to_plain("<table><tr><th>a</th><td>b</td></tr><tr><td>c</td></tr></table>"),
        "a | b\nc"
    );
    assert_eq!(to_plain("<pre>a\n  b</pre>"), "a\n  b");
}

#[test]
fn links_show_where_they_lead() {
    let link = |url: &str, text: &str| to_plain(&format!("<a href=\"{url}\">{text}</a>."));
    assert_eq!(
        link("https://a.example/x", "here"),
        "here (https://a.example/x)."
    );
    assert_eq!(link("https://a.example/", "a.example"), "a.example.");
    assert_eq!(
        link("https://a.example?a=1&amp;b=2", ""),
        "https://a.example?a=1&b=2."
    );
    assert_eq!(
        link("mailto:help@a.example", "write us"),
        "write us (help@a.example)."
    );
    assert_eq!(link("javascript:alert(1)", "here"), "here.");
    assert_eq!(link("#top", "here"), "here.");
    assert_eq!(
        to_whatsapp("<b><a href='https://a.example/x'>here</a></b>"),
        "*here* (https://a.example/x)"
    );
}

#[test]
fn references_emoji_and_images() {
    assert_eq!(
        to_plain("a &lt;b&gt; &amp; c&nbsp;&nbsp;d 😀&#x1F600;"),
        "a <b> & c  d 😀😀"
    );
    assert_eq!(
        to_plain("<img src=x alt='A shoe'> for you"),
        "A shoe for you"
    );
    assert_eq!(to_plain("<script>no</script>yes<!-- no -->"), "yes");
    assert_eq!(to_plain(""), "");
}

#[test]
fn whatsapp_marks_stand_at_their_words() {
    assert_eq!(to_whatsapp("<b> a </b>b"), "*a* b");
    assert_eq!(to_whatsapp("x <b>a </b><i>b</i>"), "x *a* _b_");
    assert_eq!(to_whatsapp("<b>a<i>b</i></b>"), "*a_b_*");
    assert_eq!(
        to_whatsapp("<b>bold <i>both</i></b> <s>no</s> <code>x=1</code>"),
        "*bold* *_both_* ~no~ ```x=1```"
    );
    assert_eq!(to_whatsapp("<b>a<br>b</b>"), "*a*\n*b*");
    assert_eq!(to_whatsapp("<b></b><i> </i>x"), "x");
    assert_eq!(to_whatsapp("<u>x</u> 2*3*4"), "x 2*3*4");
}

#[test]
fn broken_markup_still_reads() {
    assert_eq!(to_plain("</b></ul></li>a</p><li>b"), "a\n\n- b");
    assert_eq!(to_plain("<b>never closed"), "never closed");
    assert_eq!(to_plain("1 < 2"), "1 < 2");
    let deep = "<ul><li>".repeat(500) + "x";
    assert!(to_plain(&deep).len() < 20);
}

#[test]
fn escaping_is_undone_by_reading() {
    assert_eq!(
        escape("<a href=\"x\">'&'"),
        "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;"
    );
}

/// Markup of known and unknown elements around text without `<` and `&`.
fn markup() -> impl Strategy<Value = String> {
    let leaf = "[a-z 😀é]{0,8}".prop_map(String::from);
    leaf.prop_recursive(5, 40, 5, |inner| {
        let name = prop::sample::select(vec![
            "b",
            "i",
            "p",
            "div",
            "ul",
            "ol",
            "li",
            "a href='https://a.example'",
            "blockquote",
            "pre",
            "td",
            "script",
            "x-unknown",
            "br",
            "h2",
            "s",
            "code",
            "span style=\"a>b\"",
        ]);
        (name, prop::collection::vec(inner, 0..5)).prop_map(|(open, inside)| {
            let name = open.split(' ').next().unwrap_or(open);
            format!("<{open}>{}</{name}>", inside.concat())
        })
    })
}

proptest! {
    #[test]
    fn no_tag_is_left(html in markup()) {
        for text in [to_plain(&html), to_whatsapp(&html)] {
            prop_assert!(!text.contains('<') && !text.contains("href"), "{}", text);
        }
    }

    #[test]
    fn any_text_renders(html in any::<String>()) {
        let _ = (to_plain(&html), to_whatsapp(&html), tags_outside(&html, &[]));
    }

    #[test]
    fn escaped_text_reads_as_it_was(text in "[!-~é😀]{1,40}( [!-~é😀]{1,9}){0,3}") {
        prop_assert_eq!(to_plain(&escape(&text)), text);
    }
}
